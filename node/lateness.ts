/** How late things were, as HDR histograms: fixed memory however many tuples, three significant digits. */

import { build, encodeIntoCompressedBase64 } from "hdr-histogram-js";
import type { Histogram } from "hdr-histogram-js";
import type { LatenessSummary } from "#model/node-protocol";

/** Later than this counts as this: an hour. */
const MAX_US = 3_600_000_000;

export class Lateness {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_US,
    numberOfSignificantValueDigits: 3,
  });

  record(lateUs: number): void {
    this.#histogram.recordValue(Math.min(MAX_US, Math.max(0, Math.round(lateUs))));
  }

  summary(): LatenessSummary {
    const histogram = this.#histogram;
    const percentileMs = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
    return {
      count: histogram.totalCount,
      p50Ms: percentileMs(50),
      p90Ms: percentileMs(90),
      p99Ms: percentileMs(99),
      maxMs: histogram.maxValue / 1000,
      histogram: encodeIntoCompressedBase64(histogram),
    };
  }
}
