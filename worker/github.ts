/** The reporting to GitHub, where the operator's file names an App for it. */

import { dirname, resolve } from "node:path";
import { Context } from "@temporalio/activity";
import type { Client } from "@temporalio/client";
import { openGithubApp, type GithubApp } from "#activities/github/github-app";
import { createGithubActivities } from "#activities/github/github-activities";
import type { GithubActivities } from "#activities/index";
import type { ResultsStore } from "#activities/results/results-store";
import { InputError } from "#model/errors";
import { readHostsFile } from "#worker/hosts-file";
import type { Installation } from "#worker/installation";
import { readPrivateFile } from "#worker/private-file";

/**
 * @returns `undefined` where no App is named, or the results are kept elsewhere: they are reported from where they are.
 * @throws {InputError} Where its key cannot be read.
 */
export function openGithub(
  installation: Installation,
  client: Client,
  store: ResultsStore | undefined,
): GithubActivities | undefined {
  const app = store && openAppOf(installation);
  if (app === undefined || store === undefined) return undefined;
  return createGithubActivities({ app, client, store, currentContext: () => Context.current() });
}

/**
 * @returns `undefined` where the operator's file names no App.
 * @throws {InputError} Where its key cannot be read.
 */
export function openAppOf({ hostsFile }: Pick<Installation, "hostsFile">): GithubApp | undefined {
  const settings = readHostsFile(hostsFile)?.github;
  if (settings === undefined) return undefined;
  const keyFile = resolve(dirname(hostsFile), settings.private_key_file);
  const privateKey = readPrivateFile(keyFile, "github.private_key_file");
  if (privateKey === undefined) {
    const hint = "download it from the App's page at GitHub, then chmod 600 it";
    throw new InputError([{ field: "github.private_key_file", value: keyFile, rule: "no such file", hint }]);
  }
  return openGithubApp({ appId: settings.app_id, privateKey, apiUrl: settings.api_url });
}
