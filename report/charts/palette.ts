/** How an arm and a result look in every plot. */

export const INK = { text: "#1b1f24", muted: "#59636e", grid: "#e4e7eb", zero: "#8a939d", paper: "#ffffff" } as const;

/** Okabe & Ito's colours, told apart with every kind of colour vision; those that also stand out from white come first. */
export const ARM_COLOURS = [
  { onWhite: "#0072B2", onBlack: "#4DA3E0" },
  { onWhite: "#D55E00", onBlack: "#FF8C42" },
  { onWhite: "#009E73", onBlack: "#2EC79B" },
  { onWhite: "#CC79A7", onBlack: "#E09AC2" },
  { onWhite: "#E69F00", onBlack: "#F2B632" },
  { onWhite: "#56B4E9", onBlack: "#8CD0F5" },
] as const;
/** A second sign beside the colour, for print in black and white. */
const SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right"];

/** The scales that give every environment the same look in all plots of a report. */
export function armScales(environments: readonly string[]) {
  return {
    color: {
      domain: [...environments],
      range: environments.map((_, i) => ARM_COLOURS[i % ARM_COLOURS.length]?.onWhite ?? INK.text),
    },
    shape: { domain: [...environments], range: environments.map((_, i) => SHAPES[i % SHAPES.length] ?? "circle") },
  };
}

/** Of every plot. Families from generic to certain: a browser has one of them, and PNGs bring DejaVu Sans. */
export const CHART_CONFIG = {
  background: INK.paper,
  font: "system-ui, Helvetica, Arial, sans-serif",
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
