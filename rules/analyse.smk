# analyse: what lies behind the accuracies of finished runs. One record a run of what has to be computed,
# then a table, a figure and a page of all; the curvature's records are drawn as Figure 8.


rule analyse_curvature:
    input:
        unpack(curvature_inputs),
    output:
        record=f"<results>/analysis/curvature/{RUN_PATTERN}.json",
        landscape=f"<results>/analysis/curvature/{RUN_PATTERN}-landscape.csv",
    log:
        f"<results>/logs/analyse/curvature/{RUN_PATTERN}.log",
    conda:
        TRAINING_ENVIRONMENT
    threads: selection.threads
    resources:
        device=selection.device,
        slots_per_gpu=selection.slots_per_gpu,
        mem_mb=12000,
    params:
        run=RUN_PATTERN,
        selection=CURVATURE,
        code=stage_digest("curvature"),
    shell:
        "python -m crossarch {CHOSEN} analyse curvature {params.run}"
        " --device {resources.device} --slots-per-gpu {resources.slots_per_gpu} --threads {threads} > {log} 2>&1"


rule analyse_tests:
    input:
        unpack(analysed_inputs),
    output:
        f"<results>/analysis/{{analysis}}/{RUN_PATTERN}.json",
    log:
        f"<results>/logs/analyse/{{analysis}}/{RUN_PATTERN}.log",
    wildcard_constraints:
        analysis="whitening|agreement|softness|statistics",
    conda:
        TRAINING_ENVIRONMENT
    threads: selection.threads
    resources:
        device=selection.device,
        slots_per_gpu=selection.slots_per_gpu,
        mem_mb=4000,
    params:
        run=RUN_PATTERN,
        code=stage_digest("testing"),
    shell:
        "python -m crossarch {CHOSEN} analyse {wildcards.analysis} {params.run}"
        " --device {resources.device} --slots-per-gpu {resources.slots_per_gpu} --threads {threads} > {log} 2>&1"


# Trains as far as the authors' teacher was trained.
rule analyse_teachers:
    input:
        unpack(teacher_inputs),
    output:
        f"<results>/analysis/teachers/{RUN_PATTERN}.json",
    log:
        f"<results>/logs/analyse/teachers/{RUN_PATTERN}.log",
    conda:
        TRAINING_ENVIRONMENT
    threads: selection.threads
    resources:
        device=selection.device,
        slots_per_gpu=selection.slots_per_gpu,
        mem_mb=4000,
    params:
        run=RUN_PATTERN,
        code=stage_digest("retrace"),
    shell:
        "python -m crossarch {CHOSEN} analyse teachers {params.run}"
        " --device {resources.device} --slots-per-gpu {resources.slots_per_gpu} --threads {threads} > {log} 2>&1"


rule analyse_runs:
    input:
        lambda wildcards: summary_inputs(wildcards.analysis),
    output:
        multiext("<results>/analysis/{analysis}", ".csv", ".md", ".pdf", ".png"),
        svg=report(
            "<results>/analysis/{analysis}.svg",
            caption="../report/analysis.rst",
            category="Analyses",
            labels={"analysis": "{analysis}"},
        ),
    log:
        "<results>/logs/analyse/{analysis}.log",
    wildcard_constraints:
        analysis=any_of(SUMMARISED),
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        selection=SELECTION,
        words=TITLES,
        code=stage_digest("analysis"),
    shell:
        "python -m crossarch {CHOSEN} analyse {wildcards.analysis} --summary --chosen" " > {log} 2>&1"


for name in SUMMARISED:

    rule:
        name:
            name
        input:
            analysis_files(name),
        localrule: True


# All but those that are made by their names alone.
rule analysis:
    input:
        files_of_analyses,
    localrule: True
