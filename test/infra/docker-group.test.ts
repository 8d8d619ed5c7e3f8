import { expect, test } from "vitest";
import { UnavailableError } from "#model/errors";
import { needsDockerGroup } from "#infra/engine/docker-group";

const refusal = (code: string) =>
  new UnavailableError("engine", "hint", { cause: Object.assign(new Error(code), { code }) });

test("only a refused permission is answered by running again with the docker group", () => {
  expect(needsDockerGroup(refusal("ENOENT"))).toBe(false);
  expect(needsDockerGroup(new Error("bug"))).toBe(false);
});

test("there is no third try", () => {
  process.env["MESHBENCH_IN_DOCKER_GROUP"] = "1";
  try {
    expect(needsDockerGroup(refusal("EACCES"))).toBe(false);
  } finally {
    delete process.env["MESHBENCH_IN_DOCKER_GROUP"];
  }
});
