/** Specs that come with Meshbench, by the names that users type: `presets/NAME.yaml`. */

export const PRESETS = [
  "quick",
  "paper/test-1",
  "paper/test-2",
  "paper/test-3",
  "paper/test-4",
  "paper/nested",
] as const;
