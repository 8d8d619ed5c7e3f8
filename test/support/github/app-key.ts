/** A GitHub App of the tests' own: its key, and how an installation or an activity is given it. */

import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openGithubApp, type GithubApp } from "#activities/github/github-app";
import type { GithubDouble } from "#test/support/github/github-double";

const KEY_FILE = join("secrets", "github-app.pem");

/** Making it takes a moment: once for a file of tests. */
const PEM = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;

export const openAppAt = ({ appId, url }: GithubDouble): GithubApp =>
  openGithubApp({ appId, privateKey: PEM, apiUrl: url });

/** For `InstallationHarness.up`: what the operator of an installation does to have it report there. */
export const reportingTo = ({ appId, url }: GithubDouble) => ({
  hosts: { github: { app_id: appId, private_key_file: KEY_FILE, api_url: url } },
  prepare(home: string) {
    const file = join(home, KEY_FILE);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, PEM, { mode: 0o600 });
    return () => {};
  },
});
