#!/usr/bin/env node
/**
 * What `meshbench up` has a supervisor run in the background, in the foreground: for a unit of systemd. Engine, image and
 * programs are those that `up` has made. SIGTERM, or `meshbench down`, ends all of it.
 */

import { servicesOf } from "#infra/up";
import { runScript } from "#infra/console/script";
import { writePlan } from "#infra/supervisor/plan";
import { EXIT, UnavailableError } from "#model/errors";
import { locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";

await runScript(async () => {
  const installation = locateInstallation();
  if (readLocalServices(installation)) {
    throw new UnavailableError(`${installation.home} is served already`, "npx meshbench down");
  }
  writePlan(installation, await servicesOf(installation));
  await import("#infra/supervisor/main");
  return EXIT.ok;
});
