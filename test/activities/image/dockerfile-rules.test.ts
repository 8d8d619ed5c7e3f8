import { expect, test } from "vitest";
import { complainAboutDockerfile } from "#activities/image/dockerfile-rules";

test("a Dockerfile that begins with the node image, and builds on what is there, may be built", () => {
  const text = [
    "# its own node program",
    "ARG MESHBENCH_NODE",
    "FROM $MESHBENCH_NODE AS build",
    "COPY node /src",
    "RUN cd /src && \\",
    "    # why",
    "    make",
    "FROM ${MESHBENCH_NODE}",
    "copy --from=build /src/out /opt/node",
    "COPY --from=0 /src/more /opt/node",
    "FROM build",
    "USER 0",
    "",
  ];
  expect(complainAboutDockerfile(text.join("\n"))).toEqual([]);
});

test.for<[string, string, RegExp]>([
  ["another image", "FROM debian:12", /FROM debian:12: must be/],
  ["an image by a variable", "FROM $OTHER", /FROM \$OTHER: must be/],
  ["an image by a number", "FROM $MESHBENCH_NODE\nFROM 0", /FROM 0: must be/],
  ["a stage that comes later", "FROM $MESHBENCH_NODE\nCOPY --from=late /a /b\nFROM $MESHBENCH_NODE AS late", /late/],
  ["files of another image", "FROM $MESHBENCH_NODE\nCOPY --from=alpine /etc /etc", /names no stage/],
  ["files of a stage that is not over", "FROM $MESHBENCH_NODE AS alpine\nCOPY --from=alpine /etc /x", /names no stage/],
  ["a flag in quotes", 'FROM $MESHBENCH_NODE\nCOPY --f"r"om=alpine /etc /x', /names no stage/],
  ["a flag with a backslash", "FROM $MESHBENCH_NODE\nCOPY --f\\rom=alpine /etc /x", /names no stage/],
  ["what the engine would fetch", "FROM $MESHBENCH_NODE\nADD https://example.org/x /x", /ADD is not allowed/],
  ["the same by a lower case", "FROM $MESHBENCH_NODE\nadd https://example.org/x /x", /ADD is not allowed/],
  ["the same in two halves", "FROM $MESHBENCH_NODE\nA\\\nDD https://example.org/x /x", /ADD is not allowed/],
  ["the same behind two backslashes", "FROM $MESHBENCH_NODE\nRUN a \\\\\nADD https://a.b/x /x", /ADD is not allowed/],
  ["the same behind a comment", "FROM $MESHBENCH_NODE\nRUN a\n# \\\nADD https://a.b/x /x", /ADD is not allowed/],
  ["another escape character", "# escape=`\nFROM $MESHBENCH_NODE\nRUN a `\nADD x y", /directive/],
  ["another parser", "# syntax=docker/dockerfile:1\nFROM $MESHBENCH_NODE", /directive/],
  ["here-documents", "FROM $MESHBENCH_NODE\nRUN <<E\nE\n", /here-document/],
  ["lines by a carriage return", "FROM $MESHBENCH_NODE\rADD x y", /characters/],
  ["another entry point", "FROM $MESHBENCH_NODE\nENTRYPOINT /bin/sh", /ENTRYPOINT is not allowed/],
])("refuses %s", ([, text, complaint]) => {
  expect(complainAboutDockerfile(text).join("\n")).toMatch(complaint);
});
