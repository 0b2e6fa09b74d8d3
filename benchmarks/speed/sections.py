"""The sections of the benchmark: each a function from the number of rounds to rows of a table."""

import copy
import multiprocessing
import time
from functools import partial
from itertools import product
from statistics import median
from typing import Any

import reference
import timing
import torch
from subjects import (
    ARCHS,
    COMPARED,
    SOURCES,
    TEST_IMAGES,
    TIMED_TEST_IMAGES,
    bare_step,
    forward_backward,
    in_order,
    make_training,
    random_set,
    settings_of,
)
from torch import Tensor, nn

from crossarch.models import build, gflop_an_epoch, gflop_an_evaluation
from crossarch.running.evaluation import Precision, TestBatches
from crossarch.running.memory import keep_freed_memory, memory_format

Row = dict[str, Any]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def step(rounds: int) -> list[Row]:
    """An epoch at IPC 1 against a bare loop of forward, backward and optimiser (1 thread).

    The epoch also draws the batch, augments it 4-fold and keeps the books.
    """
    rows = []
    for arch, source in product(ARCHS, SOURCES):
        settings = settings_of(arch, source)
        training = make_training(settings, 10)
        images = training.images.contiguous(memory_format=training.format)
        bare = bare_step(settings, copy.deepcopy(training.network).train(), images)
        candidates = {"bare": bare, "epoch": lambda t=training: t.train_epoch(0)}  # type: ignore[misc]
        enough = rounds if arch == "resnet50" else 8 * rounds  # a few percent want many rounds
        seconds = timing.in_turns(candidates, enough)
        overhead = 100 * (timing.ratio(seconds["epoch"], seconds["bare"]) - 1)
        rows.append(
            {
                "network": arch,
                "norm": settings.network.norm,
                "bare ms": round(1e3 * median(seconds["bare"]), 1),
                "epoch ms": round(1e3 * median(seconds["epoch"]), 1),
                "overhead %": round(overhead, 1),
            }
        )
    return rows


def against_reference(rounds: int) -> list[Row]:
    """Against a plain trainer in the style of the released one, at IPC 1, both with all cores.

    `run` is a whole baseline of 1000 epochs and 10 evaluations, computed from the parts: ours in the
    precision that `auto` chooses here, with the best and the last weights in float32. `by precision`
    compares it with float32 throughout.
    """
    torch.set_num_threads(len(timing.cores()))
    rows = []
    for arch, source in product(COMPARED, SOURCES):
        settings = settings_of(arch, source)
        ours = make_training(settings, 10)
        test_set = random_set(settings, TIMED_TEST_IMAGES)
        theirs = reference.ReferenceTraining(
            settings, random_set(settings, 10, labels=settings.labels.kind), test_set
        )
        seconds = timing.in_turns(
            {
                "ours": lambda o=ours: o.train_epoch(0),  # type: ignore[misc]
                "theirs": theirs.train_epoch,
            },
            rounds,
        ) | timing.in_turns(
            {
                "our exact test": lambda o=ours: o.exact_test.accuracy(o.network, ""),  # type: ignore[misc]
                "our test": lambda o=ours: o.test.accuracy(o.network, ""),  # type: ignore[misc]
                "their test": theirs.evaluate,
            },
            rounds=max(2, rounds // 3),
            warm_up=1,
        )
        part = {name: median(values) for name, values in seconds.items()}
        whole = TEST_IMAGES / TIMED_TEST_IMAGES
        training, exact = 1000 * part["ours"], whole * part["our exact test"]
        in_float32 = training + 10 * exact
        fast = ours.test is not ours.exact_test
        our_run = training + 9 * whole * part["our test"] + 2 * exact if fast else in_float32
        their_run = 1000 * part["theirs"] + 10 * whole * part["their test"]
        rows.append(
            {
                "network": arch,
                "norm": settings.network.norm,
                "reference ms an epoch": round(1e3 * part["theirs"]),
                "ours ms an epoch": round(1e3 * part["ours"]),
                "times faster": round(timing.ratio(seconds["theirs"], seconds["ours"]), 1),
                "evaluated in": ours.test.precision,
                "run: times faster": round(their_run / our_run, 1),
                "by precision": round(in_float32 / our_run, 2),
            }
        )
    return rows


def arithmetic(rounds: int) -> list[Row]:
    """Work done a second, forward and backward, as a share of a matrix product's (1 thread)."""
    rows = []
    product_of, work = timing.matrix_product()
    for arch, source, batch in product(ARCHS, SOURCES, (10, 100)):
        if batch == 100 and arch not in COMPARED:
            continue
        settings = settings_of(arch, source)
        network = build(settings.network).train()
        images = random_set(settings, batch).images
        step = forward_backward(*in_order(network, images, memory_format(settings.network)))
        enough = rounds if batch == 10 else max(2, rounds // 3)
        seconds = timing.in_turns({"product": product_of, "step": step}, enough)
        rates = {
            "product": work / median(seconds["product"]),
            "step": gflop_an_epoch(settings, batch) / median(seconds["step"]),
        }
        rows.append(
            {
                "network": arch,
                "norm": settings.network.norm,
                "batch": batch,
                "GFLOP/s": round(rates["step"], 1),
                "matrix product GFLOP/s": round(rates["product"], 1),
                "share %": round(100 * rates["step"] / rates["product"]),
            }
        )
    return rows


def packing(rounds: int) -> list[Row]:
    """Two trainings of one thread each against one of two: epochs a second in all."""
    rows = []
    for arch in COMPARED:
        two, one = [], []
        for _ in range(rounds):
            two.append(sum(epochs_a_second(arch, processes=2, threads=1)))
            one.append(sum(epochs_a_second(arch, processes=1, threads=2)))
        rows.append(
            {
                "network": arch,
                "norm": "batch",
                "two jobs, 1 thread each": round(median(two), 2),
                "one job, 2 threads": round(median(one), 2),
                "ratio": round(timing.ratio(two, one), 2),
            }
        )
    return rows


def epochs_a_second(arch: str, processes: int, threads: int, seconds: float = 6.0) -> list[float]:
    """Epochs a second of each of so many trainings at the same time."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(processes), context.SimpleQueue()
    arguments = (arch, threads, seconds, barrier, queue)
    jobs = [context.Process(target=count_epochs, args=arguments) for _ in range(processes)]
    for job in jobs:
        job.start()
    rates = [queue.get() for _ in jobs]
    for job in jobs:
        job.join()
    return rates


def count_epochs(arch: str, threads: int, seconds: float, barrier: Any, queue: Any) -> None:
    """In a process of its own: train for so long, report epochs a second."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    training = make_training(settings_of(arch, "frepo"), 10)
    training.train_epoch(0)
    barrier.wait()
    begun, epochs = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        training.train_epoch(0)
        epochs += 1
    queue.put(epochs / (time.perf_counter() - begun))


def evaluation(rounds: int) -> list[Row]:
    """An evaluation on 10,000 images against a plain one (no folding, no memory order), 1 thread.

    In float32, and how many times faster it is in bfloat16, whether `auto` takes that here or not.
    """
    rows = []
    for arch, source in product(ARCHS, SOURCES):
        settings = settings_of(arch, source)
        network = build(settings.network).eval()
        test_set = random_set(settings, TIMED_TEST_IMAGES)

        def plain(network: nn.Module = network, images: Tensor = test_set.images) -> None:
            with torch.no_grad():
                for batch in images.split(reference.TEST_BATCH):
                    network(batch).argmax(1)

        exact, fast = (
            partial(TestBatches(test_set.images, test_set.labels, precision).accuracy, network, "")
            for precision in PRECISIONS
        )
        enough = rounds if arch == "cnn" else max(2, rounds // 3)
        seconds = timing.in_turns({"plain": plain, "ours": exact, "bfloat16": fast}, enough)
        whole = median(seconds["ours"]) * TEST_IMAGES / TIMED_TEST_IMAGES
        rows.append(
            {
                "network": arch,
                "norm": settings.network.norm,
                "seconds for 10,000": round(whole, 1),
                "GFLOP/s": round(gflop_an_evaluation(settings, TEST_IMAGES) / whole, 1),
                "times faster": round(timing.ratio(seconds["plain"], seconds["ours"]), 2),
                "bfloat16: times faster": round(timing.ratio(seconds["ours"], seconds["bfloat16"]), 2),
            }
        )
    return rows
