/** How an arm and a result look in every plot. */

/** Okabe & Ito's colours, told apart with every kind of colour vision; those that also stand out from white come first. */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
/** A second sign beside the colour, for print in black and white. */
const SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right"];

/** The scales that give every environment the same look in all plots of a report. */
export function armScales(environments: readonly string[]) {
  return {
    color: { domain: [...environments], range: environments.map((_, i) => COLOURS[i % COLOURS.length] ?? "#000") },
    shape: { domain: [...environments], range: environments.map((_, i) => SHAPES[i % SHAPES.length] ?? "circle") },
  };
}

export const INK = { text: "#1b1f24", muted: "#59636e", grid: "#e4e7eb", zero: "#8a939d", paper: "#ffffff" } as const;

/** Of every plot. Families from generic to certain: a browser has one of them, and PNGs bring DejaVu Sans. */
export const CHART_CONFIG = {
  background: INK.paper,
  font: "system-ui, Helvetica, Arial, sans-serif",
  aria: false,
  padding: 8,
  title: {
    anchor: "start",
    color: INK.text,
    fontSize: 15,
    subtitleColor: INK.muted,
    subtitleFontSize: 11,
    subtitleLineHeight: 15,
    subtitlePadding: 5,
    offset: 8,
  },
  axis: {
    labelColor: INK.muted,
    titleColor: INK.text,
    titleFontWeight: "normal",
    titleFontSize: 12,
    titlePadding: 8,
    labelFontSize: 11,
    gridColor: INK.grid,
    domainColor: INK.zero,
    tickColor: INK.zero,
  },
  header: {
    labelColor: INK.text,
    labelFontSize: 12,
    labelFontWeight: "bold",
    labelAnchor: "start",
    labelPadding: 6,
    title: null,
  },
  legend: { labelColor: INK.text, title: null, labelFontSize: 12, orient: "top", symbolSize: 90, symbolOpacity: 1 },
  view: { stroke: null },
} as const;
