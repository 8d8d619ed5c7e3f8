/** What a container printed. */

const HEADER_BYTES = 8;
const LIMIT_BYTES = 1024 * 1024;

/**
 * Without a terminal, Docker sends output in frames: one byte stream, three bytes padding, four bytes length.
 * @returns The text of both streams in the order it was printed, the last MiB of it at most.
 */
export function decodeLog(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= frames.length;) {
    const end = at + HEADER_BYTES + frames.readUInt32BE(at + 4);
    parts.push(frames.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(parts).subarray(-LIMIT_BYTES).toString();
}
