/** Which address blocks this machine already routes somewhere. */

import { readFile } from "node:fs/promises";
import type { Subnet } from "#activities/providers/ipv4";

const ROUTE_TABLE = "/proc/net/route";

/** @returns Every IPv4 route of this machine; none where the table cannot be read (macOS). */
export async function readHostRoutes(path = ROUTE_TABLE): Promise<Subnet[]> {
  try {
    return parseRouteTable(await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** @param table - As in /proc/net/route: destination and mask are hexadecimal, lowest byte first. */
export function parseRouteTable(table: string): Subnet[] {
  const lines = table.trim().split("\n").slice(1);
  return lines.map((line) => {
    const columns = line.trim().split(/\s+/);
    const mask = littleEndianHex(columns[7]);
    return { base: littleEndianHex(columns[1]), prefix: 32 - Math.log2(2 ** 32 - mask) };
  });
}

function littleEndianHex(text: string | undefined): number {
  if (!text || !/^[0-9A-F]{8}$/i.test(text)) throw new Error(`unreadable route table entry: ${text}`);
  return Buffer.from(text, "hex").readUInt32LE();
}
