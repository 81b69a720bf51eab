// SPDX-License-Identifier: AGPL-3.0-or-later
// Chromium through chromedriver (W3C WebDriver), as little of it as the tests need.
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');

async function start(work) {
  const driver = spawn('chromedriver', ['--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  driver.stdout.setEncoding('utf8');
  let said = '';
  let port;
  while (!port) {
    const [chunk] = await Promise.race([
      once(driver.stdout, 'data'),
      once(driver, 'exit').then(() => Promise.reject(new Error(`chromedriver ended: ${said}`))),
    ]);
    said += chunk;
    port = (/started successfully on port (\d+)/.exec(said) || [])[1];
  }

  const call = async function (method, path, body) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: body && JSON.stringify(body),
      headers: { 'Content-Type': 'application/json' },
    });
    const { value } = await answer.json();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${value.message}`);
    }
    return value;
  };

  const arguments_ = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    `--user-data-dir=${work}/profile`,
    '--window-size=1280,800',
    '--hide-scrollbars',
  ];
  const { sessionId } = await call('POST', '/session', {
    capabilities: { alwaysMatch: { browserName: 'chrome', 'goog:chromeOptions': { args: arguments_ } } },
  });
  const session = `/session/${sessionId}`;

  return {
    open: (url) => call('POST', `${session}/url`, { url }),
    // Runs in the page; a promise is waited for.
    run: (script, ...args) =>
      call('POST', `${session}/execute/sync`, {
        script: typeof script === 'function' ? `return (${script}).apply(null, arguments)` : script,
        args,
      }),
    async until(script, ...args) {
      const deadline = Date.now() + 10000;
      for (;;) {
        const value = await this.run(script, ...args);
        if (value) {
          return value;
        }
        if (Date.now() > deadline) {
          throw new Error(`waited 10 s in vain for: ${script}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async picture(file) {
      // What comes up fades in.
      await new Promise((resolve) => setTimeout(resolve, 300));
      fs.writeFileSync(file, Buffer.from(await call('GET', `${session}/screenshot`), 'base64'));
    },
    async type(selector, keys) {
      const found = await call('POST', `${session}/element`, { using: 'css selector', value: selector });
      await call('POST', `${session}/element/${Object.values(found)[0]}/value`, { text: keys });
    },
    async click(selector) {
      const found = await call('POST', `${session}/element`, { using: 'css selector', value: selector });
      await call('POST', `${session}/element/${Object.values(found)[0]}/click`, {});
    },
    async close() {
      await call('DELETE', session).catch(() => {});
      driver.kill();
    },
  };
}

module.exports = { start };
