import { afterEach, expect, test, vi } from "vitest";
import { UnavailableError } from "#model/errors";
import { readTemporalSettings } from "#worker/temporal-connection";

afterEach(() => vi.unstubAllEnvs());

test("a password in the address is refused, and not echoed", () => {
  for (const address of ["user:canary@temporal.test:7233", "https://user:canary@temporal.test"]) {
    vi.stubEnv("TEMPORAL_ADDRESS", address);
    expect(readTemporalSettings).toThrow(UnavailableError);
    expect(readTemporalSettings).toThrow(/^(?!.*canary)/);
  }
});

test("a cluster's address, namespace, key and certificates are Temporal's own settings", () => {
  vi.stubEnv("TEMPORAL_ADDRESS", "temporal.test:7233");
  vi.stubEnv("TEMPORAL_NAMESPACE", "meshbench");
  vi.stubEnv("TEMPORAL_API_KEY", "a-key");
  const { address, namespace, connectionOptions } = readTemporalSettings();
  expect({ address, namespace }).toEqual({ address: "temporal.test:7233", namespace: "meshbench" });
  expect(connectionOptions).toMatchObject({ apiKey: "a-key", tls: expect.anything() });
});
