"use strict";
// Filters, sorts and explains the table. All text that comes from data is set as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const form = byId("filters");
  const table = byId("cells");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  const sortBy = byId("sort");
  const direction = byId("direction");
  const popover = byId("popover");
  let pointer, dismissedAt; // where the pointer is, and was when Escape was pressed
  const dialog = byId("curve");
  const SVG = "http://www.w3.org/2000/svg";

  function make(tag, text, attributes = {}) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function draw(tag, attributes, text) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  const number = (value, digits = 2) => value.toFixed(digits);
  const signed = (value) => (value < 0 ? "−" : "+") + number(Math.abs(value));

  // --- filters -----------------------------------------------------------------------------------

  const chosen = (kind) =>
    new Set([...form.querySelectorAll(`input[name="${kind}"]:checked`)].map((input) => input.value));

  function filter() {
    const wanted = ["dataset", "source", "ipc", "recipe", "protocol"].map((kind) => [kind, chosen(kind)]);
    const archs = chosen("arch");
    const measuredOnly = byId("measured-only").checked;
    let shown = 0;
    for (const row of rows) {
      const measured = measuredOnly
        ? [...row.querySelectorAll("td[data-mean]")].some((cell) => !archs.size || archs.has(cell.dataset.arch))
        : true;
      row.hidden = !measured || wanted.some(([kind, values]) => values.size && !values.has(row.dataset[kind]));
      shown += !row.hidden;
    }
    for (const cell of table.querySelectorAll("[data-arch]")) {
      cell.hidden = archs.size > 0 && !archs.has(cell.dataset.arch);
    }
    byId("count").textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
    byId("nothing").hidden = shown > 0;
    table.hidden = shown === 0;
    hidePopover();
  }

  // --- sorting -----------------------------------------------------------------------------------

  const descending = () => direction.getAttribute("aria-pressed") === "true";

  function key(row, by) {
    if (by === "ipc") return Number(row.dataset.ipc);
    if (by in row.dataset) return row.querySelector(`.${by}`).firstChild.textContent;
    const mean = row.querySelector(`td[data-arch="${by}"]`).dataset.mean;
    return mean === undefined ? null : Number(mean);
  }

  function compare(one, other, by, sign) {
    const [a, b] = [key(one, by), key(other, by)];
    if (a === null || b === null) return (a === null) - (b === null); // what was not run comes last
    const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
    return sign * order;
  }

  function sort() {
    const by = sortBy.value;
    const sign = descending() ? -1 : 1;
    const place = (row) => Number(row.dataset.place);
    const sorted = [...rows].sort(
      (one, other) => (by ? compare(one, other, by, sign) : sign * (place(one) - place(other))) || place(one) - place(other),
    );
    body.append(...sorted);
    for (const header of headers) {
      if (header.dataset.sort === by) header.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
    hidePopover();
  }

  function setDirection(down) {
    direction.setAttribute("aria-pressed", String(down));
  }

  for (const header of headers) {
    header.querySelector("button").addEventListener("click", () => {
      const by = header.dataset.sort;
      const isArch = "arch" in header.dataset;
      setDirection(sortBy.value === by ? !descending() : isArch); // the best accuracy first
      sortBy.value = by;
      sort();
    });
  }
  sortBy.addEventListener("change", sort);
  direction.addEventListener("click", () => {
    setDirection(!descending());
    sort();
  });
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    setDirection(false);
    requestAnimationFrame(() => {
      filter();
      sort();
    });
  });

  // --- what a cell says when it is pointed at or has the focus --------------------------------------

  let active = null;
  let leaving = 0;

  function facts(cell) {
    const list = make("dl", undefined, { class: "facts" });
    const add = (name, value) => list.append(make("dt", name), make("dd", value));
    for (const seed of cell.seeds) {
      const last = seed.last === seed.best ? "" : `, last ${number(seed.last)}`;
      add(`Seed ${seed.seed}`, `${number(seed.best)} in epoch ${seed.best_epoch} of ${seed.epochs}${last}`);
    }
    if (cell.std !== null) add("Mean", `${number(cell.mean)} ± ${number(cell.std)}`);
    add("Paper", cell.paper === null ? "—" : number(cell.paper, 1));
    add("Difference", cell.difference === null ? "—" : `${signed(cell.difference)} points`);
    if (cell.gap !== null) add("Gap", `${signed(cell.gap)} points to the baseline of the set's own network`);
    const one = cell.seeds[0];
    add("Tested", `every ${one.evaluate_every} epochs, whitening ${one.whitening}, on ${one.device}`);
    return list;
  }

  function showPopover(button) {
    clearTimeout(leaving);
    if (active === button) return;
    hidePopover();
    active = button;
    const cell = data[button.dataset.cell];
    const link = make("a", "Learning curve", { href: `#cell-${button.dataset.cell}` });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      openCurve(button);
    });
    const why = Object.entries(cell.findings).map(([name, title]) => {
      const line = make("p", "Why: ");
      line.append(make("a", title, { href: `#finding-${name}` }));
      return line;
    });
    popover.replaceChildren(make("h3", cell.title), make("p", cell.set), facts(cell), link, ...why);
    popover.hidden = false;
    button.setAttribute("aria-describedby", "popover");
    button.after(popover); // so that the Tab key goes from the number to its link
    placePopover();
  }

  function placePopover() {
    if (!active) return;
    const around = active.getBoundingClientRect();
    const room = { width: popover.offsetWidth, height: popover.offsetHeight };
    const left = Math.min(Math.max(8, around.right - room.width), innerWidth - room.width - 8);
    const below = around.bottom + 6;
    const top = below + room.height > innerHeight - 8 ? Math.max(8, around.top - room.height - 6) : below;
    popover.style.left = `${left}px`;
    popover.style.top = `${top}px`;
  }

  function hidePopover() {
    clearTimeout(leaving);
    if (!active) return;
    active.removeAttribute("aria-describedby");
    active = null;
    popover.hidden = true;
    document.body.append(popover);
  }

  const leaveSoon = () => {
    clearTimeout(leaving);
    leaving = setTimeout(hidePopover, 160);
  };

  for (const button of table.querySelectorAll("button.value")) {
    button.addEventListener("pointerenter", (event) => {
      const moved = event.clientX !== dismissedAt?.x || event.clientY !== dismissedAt?.y;
      if (event.pointerType !== "touch" && moved) showPopover(button);
    });
    button.addEventListener("pointerleave", leaveSoon);
    button.addEventListener("focus", () => button.matches(":focus-visible") && showPopover(button));
    button.addEventListener("click", () => openCurve(button));
    button.parentElement.addEventListener("focusout", (event) => {
      if (!button.parentElement.contains(event.relatedTarget)) hidePopover();
    });
  }
  popover.addEventListener("pointerenter", () => clearTimeout(leaving));
  popover.addEventListener("pointerleave", leaveSoon);
  addEventListener("scroll", placePopover, { passive: true });
  addEventListener("resize", placePopover, { passive: true });
  // What the popover covered is not pointed at because the popover goes.
  addEventListener("pointermove", (event) => (pointer = { x: event.clientX, y: event.clientY }));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    dismissedAt = pointer;
    hidePopover();
  });

  // --- learning curves -----------------------------------------------------------------------------

  const WIDEST = 700;
  const EDGE = { left: 46, right: 14, top: 12, bottom: 34 };

  function ticks(low, high, count) {
    const rough = (high - low || 1) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, place) => (first + place) * step);
  }

  function plot(label, height, lines, level) {
    const width = Math.min(WIDEST, innerWidth - 74); // so that letters keep their size on a small screen
    const points = lines.flatMap((line) => line.points);
    const epochs = Math.max(...points.map(([epoch]) => epoch));
    const values = points.map(([, value]) => value).concat(level === null ? [] : [level]);
    let [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = (high - low) * 0.08 || 1;
    [low, high] = [low - margin, high + margin];
    const x = (epoch) => EDGE.left + (epoch / epochs) * (width - EDGE.left - EDGE.right);
    const y = (value) => height - EDGE.bottom - ((value - low) / (high - low)) * (height - EDGE.top - EDGE.bottom);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    for (const tick of ticks(low, high, 5)) {
      svg.append(draw("line", { class: "axis", x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }));
      const text = String(Number(tick.toPrecision(6)));
      svg.append(draw("text", { x: EDGE.left - 8, y: y(tick) + 4, "text-anchor": "end" }, text));
    }
    for (const tick of ticks(0, epochs, width / 120)) {
      svg.append(draw("text", { x: x(tick), y: height - EDGE.bottom + 16, "text-anchor": "middle" }, String(tick)));
    }
    svg.append(draw("text", { x: width - EDGE.right, y: height - 2, "text-anchor": "end" }, "epoch"));
    if (level !== null) {
      svg.append(draw("line", { class: "paper", x1: EDGE.left, x2: width - EDGE.right, y1: y(level), y2: y(level) }));
    }
    lines.forEach((line, place) => {
      const colour = `c${place % 5}`;
      const path = line.points.map(([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
      svg.append(draw("polyline", { class: colour, points: path }));
      if (line.points.length > 60) return;
      for (const [epoch, value] of line.points) {
        svg.append(draw("circle", { class: colour, cx: x(epoch).toFixed(1), cy: y(value).toFixed(1), r: 3.2 }));
      }
    });
    return svg;
  }

  function legend(seeds, paper) {
    const list = make("ul", undefined, { class: "key" });
    const entry = (colour, text) => {
      const item = make("li");
      const sample = draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
      sample.append(draw("line", { class: colour, x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 2 }));
      item.append(sample, text);
      list.append(item);
    };
    seeds.forEach((seed, place) => entry(`c${place % 5}`, `seed ${seed.seed}`));
    if (paper !== null) entry("paper", `the paper's ${number(paper, 1)}`);
    return list;
  }

  function curves(cell) {
    const parts = [legend(cell.seeds, cell.paper)];
    const add = (name, title, height, level) => {
      const lines = cell.seeds.filter((seed) => seed[name].length).map((seed) => ({ points: seed[name] }));
      if (lines.length) parts.push(make("h3", title), plot(title, height, lines, level));
      else parts.push(make("p", `${title}: not at hand.`));
    };
    add("evaluations", "Test accuracy (%)", 280, cell.paper);
    add("losses", "Training loss", 190, null);
    parts.push(facts(cell));
    return parts;
  }

  function openCurve(button) {
    hidePopover();
    const cell = data[button.dataset.cell];
    byId("curve-title").textContent = cell.title;
    byId("curve-set").textContent = cell.set;
    byId("curve-body").replaceChildren(...curves(cell));
    history.replaceState(null, "", `#cell-${button.dataset.cell}`);
    dialog.showModal();
  }

  dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  // --- two recipes on the same networks and sets ---------------------------------------------------

  const reach = JSON.parse(byId("reach").textContent); // t of 95%, by degrees of freedom from 1
  const SET = ["dataset", "source", "ipc", "protocol"];

  function pairs() {
    const of = (recipe) => rows.filter((row) => row.dataset.recipe === recipe);
    const place = (row, other) => SET.every((kind) => row.dataset[kind] === other.dataset[kind]);
    const found = [];
    for (const row of of(byId("first").value)) {
      const other = of(byId("second").value).find((one) => place(row, one));
      if (!other) continue;
      for (const { dataset } of row.querySelectorAll("td[data-arch]")) {
        const [a, b] = [row, other].map((one) => data[`${one.dataset.place}-${dataset.arch}`]);
        if (a && b) found.push({ set: a.set, network: dataset.title, a, b });
      }
    }
    return found;
  }

  function comparePair() {
    const found = pairs();
    const gains = found.map(({ a, b }) => a.mean - b.mean);
    const n = gains.length;
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / n;
    const deviation = Math.sqrt(gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / (n - 1));
    const half = (reach[n - 2] * deviation) / Math.sqrt(n);
    const interval = n > 1 ? `, 95% interval ${signed(mean - half)} to ${signed(mean + half)}` : "";
    const higher = `higher in ${gains.filter((gain) => gain > 0).length} of ${n}`;
    byId("compared").textContent = n
      ? `${signed(mean)} points on average over ${n} networks on sets${interval}; ${higher}.`
      : "No network was measured with both on the same set.";
    const lines = found.map(({ set, network, a, b }) => {
      const paper = a.paper === null || b.paper === null ? "—" : signed(a.paper - b.paper);
      const line = make("tr");
      const texts = [set, network, number(a.mean), number(b.mean), signed(a.mean - b.mean), paper];
      line.append(...texts.map((text) => make("td", text)));
      return line;
    });
    byId("pairs").tBodies[0].replaceChildren(...lines);
    byId("pairs").hidden = n === 0;
  }

  byId("pair").addEventListener("change", comparePair);
  comparePair();

  const linked = location.hash.startsWith("#cell-") && location.hash.slice("#cell-".length);
  const target = [...table.querySelectorAll("button.value")].find((button) => button.dataset.cell === linked);
  if (target) openCurve(target);
  filter();
})();
