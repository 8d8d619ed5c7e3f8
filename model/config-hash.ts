/** What a sweep began with, in 16 characters. */

import { createHash } from "node:crypto";
import type { PackedPlan } from "#model/packed-plan";

/** @returns Of the spec, its points and the order of its runs; the same from what is stored of them. */
export const configHashOf = ({ spec, points, sizings, times, runs }: PackedPlan): string =>
  createHash("sha256")
    .update(JSON.stringify([spec, points, sizings, times, runs]))
    .digest("hex")
    .slice(0, 16);
