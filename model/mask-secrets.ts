/** Hides passwords in addresses, in SQL and in settings: for whatever others wrote and we show, log or send on. */
export function maskSecrets(text: string): string {
  return text
    .replaceAll(/(:\/\/[^\s/:@]*):[^\s/@]+@/g, "$1:…@")
    .replaceAll(/\b(identified\s+(?:by|with\s+\w+\s+(?:as|by|using))\s+(?:password\s*\()?)'[^']*'/gi, "$1'…'")
    .replaceAll(/\b(authorization"?\s*[=:]\s*"?(?:bearer|basic)\s+)[^\s,;"']+/gi, "$1…")
    .replaceAll(
      /\b((?:\w*password|passwd|secret|token|api[_-]?key)"?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;}"']+)/gi,
      "$1…",
    );
}
