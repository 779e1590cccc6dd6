// Looks at one page as a person does: with eyes (a picture), with the keyboard, and with a screen reader; prints JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const wanted = JSON.parse(process.argv[2]);
const require = createRequire(`${wanted.packages}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: wanted.chromium, args: quiet });
const context = await browser.newContext({
  viewport: { width: wanted.width, height: 900 },
  colorScheme: wanted.scheme,
  javaScriptEnabled: wanted.javascript,
  bypassCSP: false,
});
const page = await context.newPage();
const told = { console: [], hosts: [], dialogs: [] };
page.on("console", (message) => told.console.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => told.console.push(`error: ${error.message}`));
page.on("dialog", (dialog) => { told.dialogs.push(dialog.message()); dialog.dismiss(); });
page.on("request", (request) => told.hosts.push(new URL(request.url()).host));

await page.goto(wanted.url);
told.title = await page.title();
if (wanted.javascript) {
  const old = await page.locator("main").innerText();
  await page.evaluate(() => { document.querySelector("main h2").dataset.old = "yes"; });
  await page.waitForFunction(() => !document.querySelector("main h2").dataset.old, null, { timeout: 15000 });
  told.refreshed = old.length > 0;
}
told.headline = await page.locator("#headline").innerText();
told.text = await page.locator("body").innerText();
told.spoken = await page.locator("body").ariaSnapshot();
told.elements = await page.locator("body *").evaluateAll((all) => all.map((one) => one.tagName.toLowerCase()));
told.scripts = await page.locator("script").count();
told.wide = await page.evaluate(() => document.documentElement.scrollWidth).catch(() => 0);
told.tabbed = [];
for (let step = 0; step < wanted.tabs; step++) {
  await page.keyboard.press("Tab");
  told.tabbed.push(await page.evaluate(() => document.activeElement.textContent.trim()).catch(() => ""));
}
if (wanted.picture) await page.screenshot({ path: wanted.picture, fullPage: true });
if (wanted.javascript) {
  // in an isolated world of the debugger: the page's own policy keeps every script but its own out
  const session = await context.newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const world = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const run = async (expression) => (await session.send("Runtime.evaluate", {
    expression, contextId: world.executionContextId, awaitPromise: true, returnByValue: true })).result.value;
  await run(axe);
  told.violations = JSON.parse(await run(
    "axe.run(document).then((found) => JSON.stringify(found.violations.map((one) => " +
    "`${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' | ')}`)))"));
}
await browser.close();
console.log(JSON.stringify(told));
