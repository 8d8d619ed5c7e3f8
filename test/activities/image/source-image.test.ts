import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { withoutNetwork, withoutRest } from "#activities/image/source-image";

const showInterfaces = [process.execPath, "-p", "JSON.stringify(Object.keys(os.networkInterfaces()))"];

test("others' source is built where there is no network, with and without root", () => {
  expect(withoutNetwork(["build"], true)).toEqual(["unshare", "--net", "--", "build"]);
  expect(withoutNetwork(["build"], false)).toEqual(["unshare", "--user", "--map-current-user", "--net", "--", "build"]);
  const [program, ...args] = withoutNetwork(showInterfaces);
  expect(execFileSync(program, args, { encoding: "utf8" }).trim()).toBe("[]");
});

test("its builder finds the installation and the engine, and gets no secret", () => {
  const given = {
    PATH: "/bin",
    HOME: "/home/bench",
    MESHBENCH_HOME: "/srv/bench",
    MESHBENCH_CACHE: "/srv/cache",
    DOCKER_HOST: "unix:///run/docker.sock",
  };
  const secrets = { GITHUB_TOKEN: "canary", TEMPORAL_API_KEY: "canary", ACTIONS_RUNTIME_TOKEN: "canary" };
  expect(withoutRest({ ...given, ...secrets, MESHBENCH_ORDER: "x" })).toEqual(given);
});
