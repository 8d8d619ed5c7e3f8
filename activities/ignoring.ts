/** Failures of the file system that are answers. */

/** @returns `undefined` where the call failed with this errno, such as `ENOENT`. */
export async function ignoring<T>(code: string, result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return undefined;
    throw error;
  }
}
