import { describe, expect, test } from "vitest";
import { derivePassword, derivePeerPassword, verifierOf } from "#activities/database/password";

describe("a run's passwords", () => {
  test("are the same for every worker that holds the host's secret", () => {
    expect(derivePassword("secret", "run-1")).toBe(derivePassword(Buffer.from("secret"), "run-1"));
  });

  test("differ between runs, hosts and accounts", () => {
    const passwords = [
      derivePassword("secret", "run-1"),
      derivePassword("secret", "run-2"),
      derivePassword("other", "run-1"),
      derivePeerPassword("secret", "run-1"),
    ];
    expect(new Set(passwords).size).toBe(4);
  });

  test("are 256 bits in base64url", () => {
    expect(derivePassword("secret", "run-1")).toMatch(/^[\w-]{43}$/);
    expect(derivePeerPassword("secret", "run-1")).toMatch(/^[\w-]{43}$/);
  });
});

test("a verifier is what the server's own PASSWORD() gives", () => {
  // SELECT PASSWORD('mypass') in MariaDB's manual.
  expect(verifierOf("mypass")).toBe("*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4");
});
