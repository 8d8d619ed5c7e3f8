import { OwnEngine } from "/work/main/test/chaos/support/node-faults/own-engine.ts";
const engine = await OwnEngine.start();
console.log(engine.url, engine.pid);
process.once("SIGINT", async () => {
  await engine[Symbol.asyncDispose]();
  console.log("gone");
  process.exit(0);
});
setInterval(() => {}, 1000);
