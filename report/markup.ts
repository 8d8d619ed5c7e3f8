/** HTML without holes: what is put into a template is text, unless it is markup already. */

export class Markup {
  readonly html: string;
  constructor(html: string) {
    this.html = html;
  }
}

type Part = Markup | string | number | readonly Part[];

/** Escapes every value in the template but `Markup`; lists are joined. */
export const html = (template: TemplateStringsArray, ...values: readonly Part[]): Markup =>
  new Markup(String.raw({ raw: template }, ...values.map(toHtml)));

function toHtml(part: Part): string {
  if (part instanceof Markup) return part.html;
  if (typeof part === "object") return part.map(toHtml).join("");
  return String(part).replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
