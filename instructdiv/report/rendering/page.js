// What the report page does beyond showing its numbers: it draws the charts in the colors of
// the page, switches and focuses the map, and sorts and filters tables.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const made = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const block = (id) => byId(id) && JSON.parse(byId(id).textContent);
  const count = (n) => n.toLocaleString("en-US");

  document.documentElement.classList.add("js");
  const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, typesetMath: false };

  // Colors ------------------------------------------------------------------------------

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // A copy of a figure with the page's colors in place of their names.
  function painted(value, key = "") {
    if (Array.isArray(value)) return value.map((item) => painted(item, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, k)]));
    }
    const named = /colou?r/.test(key) && typeof value === "string" && /^var\((--\w+)\)$/.exec(value);
    return named ? color(named[1]) : value;
  }

  // Charts ------------------------------------------------------------------------------

  const figures = block("figures") || {};
  const narrow = matchMedia("(max-width: 600px)");
  const font = { family: getComputedStyle(document.body).fontFamily };

  function drawCharts() {
    for (const [name, figure] of Object.entries(figures)) {
      const { data, layout, narrow: changes } = painted(figure);
      layout.font = { ...layout.font, ...font };
      for (const [part, change] of Object.entries((narrow.matches && changes) || {})) {
        layout[part] = { ...layout[part], ...change };
      }
      Plotly.react(byId(`chart-${name}`), data, layout, CONFIG);
    }
  }

  // The map -----------------------------------------------------------------------------

  function decoded({ dtype, bdata }) {
    const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
    return new { f4: Float32Array, i4: Int32Array, u1: Uint8Array }[dtype](bytes.buffer);
  }

  class PoolMap {
    constructor(data, plot) {
      this.plot = plot;
      this.x = decoded(data.x);
      this.y = decoded(data.y);
      this.cluster = decoded(data.cluster);
      this.kept = data.kept && decoded(data.kept);
      this.rows = data.rows && decoded(data.rows);
      this.names = data.names;
      this.colored = data.colored;
      this.after = false;
      this.focus = null;
      this.size = this.x.length > 20000 ? 3 : this.x.length > 3000 ? 4 : 6;
    }

    points(name, belongs, marker) {
      const members = [];
      for (let i = 0; i < this.x.length; i++) if (belongs(i)) members.push(i);
      return {
        type: "scattergl",
        mode: "markers",
        name,
        x: Float32Array.from(members, (i) => this.x[i]),
        y: Float32Array.from(members, (i) => this.y[i]),
        hoverinfo: "none",
        showlegend: false,
        marker: { size: this.size, line: { width: 0 }, ...marker },
        members,
      };
    }

    traces() {
      const { cluster, kept, after, focus, size } = this;
      const shown = (i) => !after || kept[i];
      const faint = { color: color("--faint"), opacity: 0.7 };
      if (focus !== null) {
        const here = (i) => cluster[i] === focus;
        const traces = [
          this.points("elsewhere", (i) => !here(i), faint),
          this.points(`cluster ${focus}`, (i) => here(i) && shown(i), {
            color: color("--after"), size: size + 2,
          }),
        ];
        if (after) {
          traces.splice(1, 0, this.points("not chosen", (i) => here(i) && !kept[i], {
            color: color("--before"), size: size + 1,
          }));
        }
        return traces;
      }
      const place = new Map(this.colored.map((number, index) => [number, index]));
      const traces = after ? [this.points("not chosen", (i) => !kept[i], faint)] : [];
      const bold = cluster.length > 20000 ? 1 : 2;
      const strong = { size: after ? size + bold : size, opacity: after ? 1 : 0.75 };
      traces.push(this.points("other clusters", (i) => shown(i) && !place.has(cluster[i]), {
        ...strong, color: color(after ? "--muted" : "--other"),
      }));
      for (const [number, index] of place) {
        traces.push(this.points(`cluster ${number}`, (i) => shown(i) && cluster[i] === number, {
          ...strong, color: color(`--c${index}`),
        }));
      }
      return traces;
    }

    counted(number) {
      let [records, chosen] = [0, 0];
      this.cluster.forEach((own, i) => {
        records += own === number;
        chosen += own === number && this.kept && this.kept[i];
      });
      return `${count(records)} points${this.kept ? `, ${count(chosen)} chosen` : ""}.`;
    }

    // Where the focused cluster lies, less its farthest points.
    ranges() {
      const auto = { autorange: true };
      if (this.focus === null) return [auto, auto];
      const range = (values) => {
        const own = [...values].filter((_, i) => this.cluster[i] === this.focus).sort((a, b) => a - b);
        const low = own[Math.floor(0.05 * own.length)];
        const high = own[Math.ceil(0.95 * own.length) - 1];
        const pad = (high - low) * 0.35 || 1e-3 + Math.abs(high) * 0.05;
        return { autorange: false, range: [low - pad, high + pad] };
      };
      return [range(this.x), range(this.y)];
    }

    draw() {
      const bare = { visible: false, zeroline: false, showgrid: false };
      const [x, y] = this.ranges();
      const traces = this.traces();
      this.members = traces.map((trace) => trace.members);
      const layout = {
        xaxis: { ...bare, ...x },
        yaxis: { ...bare, ...y },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        margin: { l: 0, r: 0, t: 0, b: 0 },
        hovermode: "closest",
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      };
      traces.forEach((trace) => delete trace.members);
      return Plotly.react(this.plot, traces, layout, { ...CONFIG, doubleClick: "reset" });
    }
  }

  function status(text, link) {
    const place = byId("map-status");
    place.replaceChildren(made("bdi", {}, text));
    if (link) place.append(" ", made("a", { href: link }, "Its row in the table"));
  }

  function startMap(data) {
    const map = new PoolMap(data, byId("map-plot"));
    const views = all("[data-view]");
    const calm = matchMedia("(prefers-reduced-motion: reduce)");

    function show(after) {
      map.after = after;
      for (const button of views) {
        button.setAttribute("aria-pressed", String((button.dataset.view === "after") === after));
      }
      map.draw();
    }

    function focus(number) {
      map.focus = number;
      byId("map-all").hidden = number === null;
      for (const row of all("tr[data-cluster]")) {
        row.classList.toggle("focused", number !== null && Number(row.dataset.cluster) === number);
      }
      map.draw();
      if (number === null) return status("");
      status(`Showing cluster ${number}: ${map.names[number]}. ${map.counted(number)}`, `#cluster-${number}`);
      byId("map").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
    }

    for (const button of views) {
      button.addEventListener("click", () => show(button.dataset.view === "after"));
    }
    byId("map-all").addEventListener("click", () => focus(null));
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-focus]");
      const row = event.target.closest("tr[data-cluster]");
      if (button) focus(Number(button.dataset.focus));
      else if (row && !event.target.closest("details, a, button") && String(getSelection()) === "") {
        focus(Number(row.dataset.cluster));
      }
    });
    show(false);
    showTexts(map);
    const tiles = byId("chart-clusters");
    if (tiles && tiles.on) {
      tiles.on("plotly_treemapclick", (event) => {
        const number = Number(event.points[0].id);
        if (number >= 0) focus(number);
        return false;
      });
    }
    return map;
  }

  // Texts under the pointer: inflated when first asked for, and never read as HTML.
  function showTexts(map) {
    const tip = byId("map-tip");
    let texts = null;
    async function inflated() {
      if (!byId("hover-texts") || !("DecompressionStream" in window)) return [];
      const bytes = Uint8Array.from(atob(byId("hover-texts").textContent.trim()), (l) => l.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      return JSON.parse(await new Response(stream).text());
    }
    let over = null;
    map.plot.on("plotly_hover", async ({ points, event }) => {
      const [{ curveNumber, pointNumber }] = points;
      const i = map.members[curveNumber][pointNumber];
      over = i;
      texts = texts || inflated();
      const text = (await texts)[i];
      if (over !== i) return;
      const row = map.rows ? map.rows[i] : i;
      const kept = map.kept ? (map.kept[i] ? ", chosen" : ", not chosen") : "";
      const where = `row ${row}, cluster ${map.cluster[i]}: ${map.names[map.cluster[i]]}${kept}`;
      tip.replaceChildren(
        ...(text ? [made("p", { dir: "auto" }, text)] : []),
        made("p", { className: "muted" }, where),
      );
      tip.hidden = false;
      const box = map.plot.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - tip.offsetWidth))}px`;
      tip.style.top = `${y + 18 + tip.offsetHeight > box.height ? Math.max(0, y - tip.offsetHeight - 12) : y + 18}px`;
    });
    map.plot.on("plotly_unhover", () => {
      over = null;
      tip.hidden = true;
    });
  }

  // Tables ------------------------------------------------------------------------------

  function value(row, column) {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = made("button", { type: "button", className: "sort" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const last = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? last : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
        rows.sort(([a], [b]) =>
          sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  function searchable(table) {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const input = made("input", { type: "search", autocomplete: "off", spellcheck: false });
    const found = made("output", {}, `${count(rows.length)} rows`);
    found.setAttribute("role", "status");
    const box = made("div", { className: "search" }, made("label", {}, table.dataset.search, " ", input), found);
    table.closest(".scroll").before(box);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        left += row.hidden ? 0 : 1;
      });
      found.textContent = words.length ? `${count(left)} of ${count(rows.length)} rows` : `${count(rows.length)} rows`;
    });
  }

  // A row that a link leads to must be seen, whatever was searched for.
  function revealed() {
    const row = /^#cluster-\d+$/.test(location.hash) && byId(location.hash.slice(1));
    if (row && row.hidden) {
      row.hidden = false;
      row.scrollIntoView();
    }
  }

  // In the frame of a notebook, links lead from where the notebook lies: to the notebook.
  function stay(event) {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    location.hash = link.hash;
  }

  // All of it ---------------------------------------------------------------------------

  all("table.sortable").forEach(sortable);
  all("table[data-search]").forEach(searchable);
  addEventListener("hashchange", revealed);
  if (location.protocol === "about:") document.addEventListener("click", stay);
  drawCharts();
  const data = block("map-data");
  const map = data && startMap(data);
  const repaint = () => {
    drawCharts();
    if (map) map.draw();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  matchMedia("print").addEventListener("change", repaint);
  narrow.addEventListener("change", repaint);
  document.documentElement.dataset.ready = "yes";
})();
