// Runs a client's cases against a gateway: node run.mjs CLIENT. Writes a line a case: "ok NAME", or "not ok NAME: WHY".
// From the environment: OG_URL (without /v1), OG_KEY, OG_MODEL, and OG_PACKAGE where a client has several versions.

const [client] = process.argv.slice(2);
const { cases } = await import(`./${client}.mjs`);
let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    const why = error?.stack ?? String(error);
    console.log(`not ok ${name}: ${why.split('\n').slice(0, 4).join(' | ')}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
