/** What a VM is told from outside, as the one text that `VM_CONFIG` says where to put. */

/** As vm-config.sh in the image checks it, too: a shell reads these lines. */
const SAFE_VALUE = /^[A-Za-z0-9*._:/,=-]*$/;

/**
 * @param variables - By `NODE_ENV` and `VM_ENV`; those that are undefined are left out.
 * @returns A line `NAME=value` for each.
 * @throws {RangeError} A value has a character that none of ours has.
 */
export function formatVmConfig(variables: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!SAFE_VALUE.test(String(value))) throw new RangeError(`${name} is ${JSON.stringify(value)}`);
  }
  return given.map(([name, value]) => `${name}=${value}\n`).join("");
}

/** The text as it is handed over through guestinfo, where quotes, blanks and line ends would not survive. */
export const toGuestinfo = (config: string): string => Buffer.from(config).toString("base64");
