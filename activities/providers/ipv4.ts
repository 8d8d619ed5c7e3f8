/** IPv4 blocks as numbers, to choose subnets that touch nobody's. */

/** A block such as 198.18.4.0/24. `base` is its first address as an unsigned 32-bit number. */
export interface Subnet {
  readonly base: number;
  readonly prefix: number;
}

const sizeOf = (prefix: number): number => 2 ** (32 - prefix);

function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

export const formatSubnet = ({ base, prefix }: Subnet): string => `${formatAddress(base)}/${prefix}`;

/** @returns `undefined` for anything but an IPv4 block, such as an IPv6 one. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  return { base: ((a << 24) | (b << 16) | (c << 8) | d) >>> 0, prefix };
}

export const overlaps = (a: Subnet, b: Subnet): boolean =>
  a.base < b.base + sizeOf(b.prefix) && b.base < a.base + sizeOf(a.prefix);

/** The block's n-th address, from 0. */
export const addressIn = ({ base }: Subnet, n: number): string => formatAddress(base + n);

/** All blocks of that prefix in `pool`, in order, from the one that `start` picks (any whole number) round to it. */
export function* subnetsOf(pool: Subnet, prefix: number, start = 0): Generator<Subnet> {
  const count = 2 ** (prefix - pool.prefix);
  for (let i = 0; i < count; i++) {
    yield { base: pool.base + ((start + i) % count) * sizeOf(prefix), prefix };
  }
}
