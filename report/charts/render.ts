/** Plots as SVG and PNG, on any machine: no canvas, no browser, no installed font. */

import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import { Error as LOG_ERRORS, parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

const FONT_FILES = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((file) =>
  fileURLToPath(import.meta.resolve(`dejavu-fonts-ttf/ttf/${file}`)),
);
/** Sharp on screens with two device pixels for one. */
const PNG_ZOOM = 2;

/** Every mark with a description says it to screen readers, and to a pointer that rests on it. */
export async function renderSvg(chart: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(chart).spec), { renderer: "none", logLevel: LOG_ERRORS });
  try {
    return withTitles(wellFormed(await view.toSVG()));
  } finally {
    view.finalize();
  }
}

/** XML has no way to write most control characters, not even escaped. */
const wellFormed = (svg: string): string => svg.replaceAll(/(?![\t\n\r])\p{Cc}/gu, "�");

/** Vega writes descriptions as labels, already escaped; browsers show titles. */
const withTitles = (svg: string): string =>
  svg.replaceAll(
    /<(path|line|text)( aria-label="([^"]*)" role="graphics-symbol"[^>]*?)(\/?)>/g,
    (_, tag: string, attributes: string, label: string, end: string) =>
      `<${tag}${attributes}><title>${label}</title>${end ? `</${tag}>` : ""}`,
  );

export function renderPng(svg: string): Uint8Array {
  const font = { fontFiles: FONT_FILES, loadSystemFonts: false, defaultFontFamily: "DejaVu Sans" };
  return new Resvg(svg, {
    font: { ...font, sansSerifFamily: "DejaVu Sans" },
    fitTo: { mode: "zoom", value: PNG_ZOOM },
  })
    .render()
    .asPng();
}
