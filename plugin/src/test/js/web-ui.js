// SPDX-License-Identifier: AGPL-3.0-or-later
// What an administrator sees of flatsnap in Proxmox VE's web interface, in a real Chromium on real ExtJS:
//   web-ui.js EXTJS PICTURES     EXTJS has ext-all-debug.js and theme-crisp/; PICTURES takes a picture of every page
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { Api, Refusal, HOSTILE, IMAGE } = require('./api-stand-in.js');
const { start } = require('./browser.js');

const [ext, pictures] = process.argv.slice(2);
const api = new Api();
let passed = 0;
let failed = 0;
let browser;

// --- the server

const files = {
  '/': path.join(__dirname, 'page.html'),
  '/pve-stand-in.js': path.join(__dirname, 'pve-stand-in.js'),
  '/flatsnap-proxmox.js': path.join(__dirname, '../../main/js/flatsnap-proxmox.js'),
};
const directories = { '/ext/': ext, '/fa/': '/usr/share/fonts-font-awesome' };
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

function fileOf(pathname) {
  const [prefix, directory] = Object.entries(directories).find(([start]) => pathname.startsWith(start)) || [];
  return prefix ? path.join(directory, path.normalize('/' + pathname.slice(prefix.length))) : files[pathname];
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const called = /^\/api2\/(extjs|json)(\/.*)/.exec(url.pathname);
  if (!called) {
    const file = fileOf(url.pathname);
    if (!file || !fs.existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': types[path.extname(file)] || 'application/octet-stream' });
    fs.createReadStream(file).pipe(response);
    return;
  }
  let body = '';
  for await (const chunk of request) {
    body += chunk;
  }
  const params = { ...Object.fromEntries(url.searchParams), ...Object.fromEntries(new URLSearchParams(body)) };
  delete params._dc;
  await new Promise((resolve) => setTimeout(resolve, api.delay));
  try {
    const data = api.handle(request.method, called[2], params);
    if (Buffer.isBuffer(data)) {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(data);
    } else {
      response.end(JSON.stringify({ success: 1, data }));
    }
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) {
      console.log(`    the stand-in failed: ${refusal.stack}`);
    }
    const { status = 500, message, errors } = refusal;
    response.end(JSON.stringify({ success: 0, status, message, errors, data: null }));
  }
}

// --- small steps

async function check(what, action) {
  try {
    await action();
    passed += 1;
    console.log(`  ok: ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`  FAILED: ${what}\n    ${error.message}`);
    await browser.picture(path.join(pictures, `failed-${failed}.png`)).catch(() => {});
  }
}

function same(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) {
    throw new Error(`expected ${b}, got ${a}`);
  }
}

function has(text, ...parts) {
  for (const part of parts) {
    if (!String(text).includes(part)) {
      throw new Error(`expected ${JSON.stringify(part)} in ${JSON.stringify(text)}`);
    }
  }
}

const picture = (name) => browser.picture(path.join(pictures, `${name}.png`));

async function page(query = '') {
  await browser.open(`http://localhost:${port}/?${query}`);
  await browser.until(() => window.ready);
}

async function guest(type, vmid, name) {
  await browser.run((t, i, n) => void showGuest(t, i, n), type, vmid, name);
}

// The tab with its snapshots.
async function tab(type = 'qemu', vmid = 100, name = 'web01', query = '') {
  api.reset();
  await page(query);
  await guest(type, vmid, name);
  await browser.run(() => {
    const menu = guest.down('#menu');
    menu.setSelection(menu.getStore().getNodeById('flatsnap'));
    window.tab = guest.down('flatsnapView');
  });
}

const loaded = () => browser.until(() => tab.rows && !tab.isMasked());
const names = () =>
  browser.run(() => {
    const found = [];
    tab.getStore().getRoot().cascade((node) => {
      if (node.data.kind === 'snapshot') {
        found.push(node.data.name);
      }
    });
    return found;
  });

async function choose(...chosen) {
  await browser.run((wanted) => {
    const found = [];
    tab.getStore().getRoot().cascade((node) => {
      if (wanted.includes(node.data.name)) {
        found.push(node);
      }
    });
    tab.getSelectionModel().deselectAll();
    tab.getSelectionModel().select(found);
  }, chosen);
}

const chooseId = (id) => browser.run((wanted) => tab.getSelectionModel().select(tab.getStore().getNodeById(wanted)), id);

const enabled = () =>
  browser.run(() =>
    ['rollback', 'undo', 'cloneGuest', 'download', 'details', 'relabel', 'hold', 'destroySnapshot'].filter(
      (id) => !tab.down('#' + id).disabled,
    ),
  );
const press = (id) => browser.run((button) => void tab.down('#' + button).btnEl.dom.click(), id);
const dialog = () => browser.until(() => (Ext.WindowManager.getActive() ? Ext.WindowManager.getActive().getEl().dom.innerText : ''));
const agree = () => browser.run(() => void Ext.WindowManager.getActive().down('button[reference=go]').btnEl.dom.click());
const fill = (values) =>
  browser.run((given) => {
    const window_ = Ext.WindowManager.getActive();
    Object.entries(given).forEach(([name, value]) => window_.down(`[name=${name}]`).setValue(value));
  }, values);
const noDialog = () => browser.until(() => !Ext.ComponentQuery.query('window:visible').length);
const shut = async () => {
  await browser.run(() => Ext.ComponentQuery.query('window:visible').forEach((one) => one.close()));
  await noDialog();
};
const changes = () => api.log.map((one) => `${one.method} ${one.path}`);
const until = async (condition) => {
  const deadline = Date.now() + 10000;
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Error(`waited 10 s in vain for ${condition}; so far ${JSON.stringify(api.log)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

// --- the story

async function storages() {
  console.log('Datacenter > Storage:');
  api.reset();
  await page();
  await check('Add offers the type', async () =>
    has(JSON.stringify(await browser.run(() => PVE.Utils.storageSchema.flatsnap)), '"Flatsnap"'),
  );
  await browser.run(() => void showStorage());
  await fill({ storage: 'flat', path: '/mnt/vms', shared: true });
  await picture('storage-add-directory');
  await check('a directory is added', async () => {
    await browser.click('#' + (await browser.run(() => Ext.ComponentQuery.query('#submit')[0].id)));
    await until(() => api.log.length === 1);
    const { path: where, params } = api.log[0];
    same(where, '/storage');
    same(
      [params.type, params.storage, params.path, params.shared, params.disable, params.place, params['flatsnap-dataset']],
      ['flatsnap', 'flat', '/mnt/vms', '1', '0', undefined, undefined],
    );
    await noDialog();
  });
  await browser.run(() => void showStorage());
  await fill({ storage: 'tank', place: 'flatsnap-dataset', 'flatsnap-dataset': 'tank/vms' });
  await picture('storage-add-dataset');
  await check('a ZFS dataset is added', async () => {
    api.log = [];
    await browser.click('#' + (await browser.run(() => Ext.ComponentQuery.query('#submit')[0].id)));
    await until(() => api.log.length === 1);
    const { params } = api.log[0];
    same([params.path, params['flatsnap-dataset'], params.shared], [undefined, 'tank/vms', '0']);
    await noDialog();
  });
  await browser.run(() => void showStorage());
  await check('what is no path or dataset is not sent', async () => {
    const valid = () => browser.run(() => Ext.WindowManager.getActive().down('form').isValid());
    await fill({ storage: 'bad', path: 'relative' });
    same(await valid(), false);
    await fill({ place: 'flatsnap-dataset', 'flatsnap-dataset': '/tank' });
    same(await valid(), false);
  });
  await check("the server's refusal is shown as text", async () => {
    await fill({ place: 'path', path: '/not/there' });
    await browser.click('#' + (await browser.run(() => Ext.ComponentQuery.query('#submit')[0].id)));
    await browser.until(() => Ext.Msg.isVisible());
    has(await dialog(), HOSTILE, 'no reflink');
    await picture('storage-refused');
  });
  await shut();
  for (const [id, shown, hidden] of [
    ['old', '/mnt/vms', 'flatsnap-dataset'],
    ['zfs', 'tank/vms', 'path'],
  ]) {
    await browser.run((storage) => void showStorage(storage), id);
    await check(`Edit shows where '${id}' lies and changes the rest`, async () => {
      await browser.until((text) => Ext.WindowManager.getActive().getEl().dom.innerText.includes(text), shown);
      same(await browser.run((name) => Ext.WindowManager.getActive().down(`[name=${name}]`).isVisible(), hidden), false);
      await picture(`storage-edit-${id}`);
      api.log = [];
      await fill({ content: ['images'], enable: false });
      await browser.click('#' + (await browser.run(() => Ext.ComponentQuery.query('#submit')[0].id)));
      await until(() => api.log.length === 1);
      const { method, path: where, params } = api.log[0];
      same([method, where, params.content, params.disable], ['PUT', `/storage/${id}`, 'images', '1']);
      same([params.path, params['flatsnap-dataset'], params.type], [undefined, undefined, undefined]);
      await noDialog();
    });
  }
}

async function seeing() {
  console.log('Flat snapshots of a virtual machine:');
  await tab();
  await check('the tab stands after Snapshots and shows the tree by date', async () => {
    await loaded();
    same(await browser.run(() => guest.down('#menu').getStore().getRoot().childNodes.map((node) => node.id)), [
      'summary',
      'snapshot',
      'flatsnap',
      'permissions',
    ]);
    same((await names()).length, 8);
    has(await browser.run(() => tab.getEl().dom.innerText), '2026-11-22', '2026-11-21', '40.00 GiB', 'crash, torn', 'prod, web');
  });
  await check('exclusive bytes come after the list', () =>
    browser.until(() => tab.getEl().dom.innerText.includes('100.00 MiB')),
  );
  await picture('tab');
  await check('hostile names are text, in cells and tips', async () => {
    has(await browser.run(() => tab.getEl().dom.innerText), HOSTILE);
    const tips = await browser.run(() =>
      Array.from(tab.getEl().dom.querySelectorAll('[data-qtip]')).map((one) => {
        // What a quick tip does with it.
        const shown = document.createElement('div');
        shown.innerHTML = one.getAttribute('data-qtip');
        return shown.querySelectorAll('img').length;
      }),
    );
    same(Math.max(...tips), 0);
    same(await browser.run(() => [window.hacked, tab.getEl().dom.querySelectorAll('img[src=x]').length]), [null, 0]);
  });
  await check('search narrows while typing', async () => {
    await browser.type('#' + (await browser.run(() => tab.search.inputEl.id)), 'tag=prod');
    await browser.until(() => tab.rows.length === 2);
    same(await names(), ['before-upgrade', 'kept']);
    await picture('tab-search');
  });
  await check('half a query leaves what was found and says what is wrong', async () => {
    await browser.run(() => void tab.search.setValue('tag='));
    await browser.until(() => tab.down('#status').getEl().dom.innerText.includes('write tag=TAG'));
    has(await browser.run(() => tab.down('#status').getEl().dom.innerText), HOSTILE);
    same((await names()).length, 2);
    await picture('tab-bad-query');
  });
  await check('an answer that comes late does not replace a newer one', async () => {
    api.delay = 600;
    await browser.run(() => void tab.search.setValue('kept'));
    await new Promise((resolve) => setTimeout(resolve, 450));
    api.delay = 0;
    await browser.run(() => void tab.search.setValue('small'));
    await browser.until(() => tab.rows.length === 1 && tab.rows[0].name === 'small');
    await new Promise((resolve) => setTimeout(resolve, 700));
    same(await names(), ['small']);
  });
  await check('the cross empties the search', async () => {
    await browser.run(() => tab.search.getTrigger('clear').el.dom.click());
    await browser.until(() => tab.rows.length === 8);
  });
  await check('one is shown in detail', async () => {
    await choose(HOSTILE);
    await press('details');
    has(await dialog(), HOSTILE, '00000005-');
    await picture('details');
    await shut();
  });
  await check('two are compared', async () => {
    await choose('before-upgrade', 'with-memory');
    await picture('tab-two');
    await press('details');
    await browser.until(() => Ext.WindowManager.getActive().getEl().dom.innerText.includes('deleting both would free 3.00 GiB'));
    has(await dialog(), '11h 6m apart', 'nginx 1.28', 'crash, torn between disks', 'Disk vm-100-disk-1');
    await picture('compare');
    await shut();
  });
}

async function allowed() {
  console.log('What may be done:');
  await tab();
  await loaded();
  const all = ['rollback', 'cloneGuest', 'download', 'details', 'relabel', 'hold', 'destroySnapshot'];
  await check("everything with Proxmox VE's own", async () => {
    await choose('before-upgrade');
    same(await enabled(), all);
  });
  await check('no rollback and no clone of what Proxmox VE has no record of, and it says so', async () => {
    await choose('small');
    same(await enabled(), all.filter((id) => !['rollback', 'cloneGuest'].includes(id)));
    has(await browser.run(() => tab.down('#status').getEl().dom.innerText), 'no record');
    await picture('tab-no-record');
  });
  await check('what the configuration does not name any more is marked, and its tip says what can be done', async () => {
    api.guests['qemu/100'].rows.push(...api.past);
    await browser.run(() => tab.reload());
    await browser.until(() => tab.rows.length === 10 && !tab.isMasked());
    const [icons, tips] = await browser.run(() => {
      const icon = (id) => tab.getView().getNode(tab.getStore().getNodeById(id)).querySelector('.x-tree-icon');
      const cell = (id) => tab.getView().getNode(tab.getStore().getNodeById(id)).querySelector('td[data-qtip]');
      const [first] = tab.rows;
      return [
        ['orphaned-before', first.id].map((id) => icon(id).classList.contains('fa-chain-broken')),
        ['orphaned-before', first.id].map((id) => cell(id).getAttribute('data-qtip')),
      ];
    });
    same(icons, [true, false]);
    has(tips[0], 'does not name it any more', 'cannot be rolled back to', 'delete it');
    has(tips[1], 'Proxmox VE lists it');
    await chooseId('orphaned-before');
    same(await enabled(), all.filter((id) => !['rollback', 'cloneGuest'].includes(id)));
    has(await browser.run(() => tab.down('#status').getEl().dom.innerText), 'does not name it any more');
    await browser.run(() => tab.getView().getNode(tab.getSelection()[0]).scrollIntoView());
    await picture('tab-orphaned');
  });
  await check('deleting it leaves alone what Proxmox VE has of that name now', async () => {
    await press('destroySnapshot');
    same((await dialog()).includes('gone from Snapshots'), false);
    await agree();
    await browser.until(() => tab.rows.length === 9);
    same(changes(), ['DELETE /nodes/pve1/storage/flat/flatsnap/100/snapshot/orphaned-before']);
    await noDialog();
  });
  await check('a name that is in use again does not offer to roll back to what has no disks', async () => {
    await chooseId('retired-before');
    same(await enabled(), ['details', 'relabel', 'hold', 'destroySnapshot']);
    has(await browser.run(() => tab.down('#status').getEl().dom.innerText), 'no record');
  });
  await check('no deleting of what is held', async () => {
    await choose('kept');
    same((await enabled()).includes('destroySnapshot'), false);
  });
  await check('no change of what another tool took', async () => {
    await choose('autosnap_daily');
    same(await enabled(), ['download', 'details']);
  });
  await check('nothing with none', async () => {
    await choose();
    same(await enabled(), []);
  });
  await tab('qemu', 100, 'web01', 'caps=VM.Audit');
  await check('an auditor only looks', async () => {
    await loaded();
    await choose('before-upgrade');
    same(await enabled(), ['details']);
  });
  await tab('qemu', 100, 'web01', 'caps=VM.Audit,VM.Snapshot');
  await check('VM.Snapshot alone takes nobody back', async () => {
    await loaded();
    await choose('before-upgrade');
    same(await enabled(), ['details', 'relabel', 'hold', 'destroySnapshot']);
  });
  await tab('qemu', 100, 'web01', 'node=pve2');
  await check('images are not drawn through another node', async () => {
    await loaded();
    await choose('before-upgrade');
    same((await enabled()).includes('download'), false);
    has(await browser.run(() => tab.down('#status').getEl().dom.innerText), 'web interface of pve1');
  });
}

async function rollback() {
  console.log('Rollback:');
  await tab();
  await loaded();
  await choose('before-upgrade');
  await press('rollback');
  await check('it says what will happen', async () => {
    has(await dialog(), 'disks and the configuration of VM 100 (web01)', 'before-upgrade', 'present state is kept');
    has(await dialog(), 'newer snapshots stay', 'is stopped', 'memory holds is lost');
    await picture('rollback');
  });
  await check('whether it runs is asked when it matters', async () => {
    await shut();
    api.guests['qemu/100'].running = 0;
    await press('rollback');
    same((await dialog()).includes('is stopped'), false);
    same(await browser.run(() => Ext.WindowManager.getActive().down('[name=start]').getValue()), false);
    await shut();
    api.guests['qemu/100'].running = 1;
    await press('rollback');
    has(await dialog(), 'is stopped');
  });
  await check('nothing is done before', () => same(changes(), []));
  api.away = 1;
  await agree();
  await check("the present state is kept, then Proxmox VE's own task rolls back, once", async () => {
    await browser.until(() => Ext.ComponentQuery.query('window[upid]').length);
    await picture('rollback-task');
    await noDialog();
    await until(() => api.log.length >= 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    same(changes(), ['POST /nodes/pve1/qemu/100/snapshot', 'POST /nodes/pve1/qemu/100/snapshot/before-upgrade/rollback']);
    same(api.log[1].params, { start: '1' });
    has(api.log[0].params.snapname, 'undo_20');
  });
  await check('Undo rollback goes back to what was kept, and keeps what is there now', async () => {
    await browser.until(() => tab.lastUndo());
    const kept = api.log[0].params.snapname;
    // The next one is not to have the same second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await press('undo');
    has(await dialog(), 'before rollback to before-upgrade', kept);
    await picture('undo');
    await fill({ start: false });
    await agree();
    await until(() => api.log.length === 4);
    same(changes()[3], `POST /nodes/pve1/qemu/100/snapshot/${kept}/rollback`);
    same(api.log[3].params, {});
    await noDialog();
  });
  await check('with memory there is nothing to start', async () => {
    await choose('with-memory');
    await press('rollback');
    has(await dialog(), 'saved memory');
    same(await browser.run(() => Ext.WindowManager.getActive().query('field').length), 0);
    await shut();
  });
  await tab();
  await loaded();
  await check('where the present state cannot be kept nothing is rolled back', async () => {
    api.failing = 'qmsnapshot';
    await choose('before-upgrade');
    await press('rollback');
    await dialog();
    await agree();
    await browser.until(() => Ext.Msg.isVisible() && Ext.Msg.getTitle() === 'Error');
    has(await dialog(), 'Nothing was rolled back', HOSTILE);
    await picture('rollback-refused');
    same(changes(), ['POST /nodes/pve1/qemu/100/snapshot']);
    await shut();
  });
  await check('who leaves the tab meanwhile is told that nothing was rolled back', async () => {
    const begun = api.log.length;
    api.failing = undefined;
    api.away = 5;
    await choose('before-upgrade');
    await press('rollback');
    await dialog();
    await agree();
    await until(() => api.log.length > begun);
    await browser.until(() => Ext.Msg.isVisible());
    await browser.run(() => void tab.destroy());
    await browser.until(() => Ext.Msg.getEl().dom.innerText.includes('the tab was left'));
    same(changes().slice(begun), ['POST /nodes/pve1/qemu/100/snapshot']);
    await shut();
  });
  await tab();
  await loaded();
  await check('a failed rollback is told', async () => {
    api.failing = 'qmrollback';
    await choose('before-upgrade');
    await press('rollback');
    await dialog();
    await agree();
    await browser.until(() => Ext.Msg.isVisible() && Ext.Msg.getEl().dom.innerText.includes('storage is away'));
    has(await dialog(), HOSTILE);
    await shut();
  });
  await tab('qemu', 100, 'web01', 'caps=VM.Audit,VM.Snapshot,VM.Snapshot.Rollback');
  await check('who may not start it is told that it stays off', async () => {
    await loaded();
    await choose('before-upgrade');
    await press('rollback');
    has(await dialog(), 'It stays off');
    same(await browser.run(() => Ext.WindowManager.getActive().down('[name=start]').isDisabled()), true);
    await shut();
  });
  await tab();
  await check('a disk whose storage goes back to its newest snapshot only is told before anything is done', async () => {
    await loaded();
    api.guests['qemu/100'].config.efidisk0 = 'local-zfs:vm-100-disk-0,size=1M';
    await browser.run(() => void tab.reload());
    await browser.until(() => tab.newestOnly.length);
    await choose('before-upgrade');
    await press('rollback');
    has(await dialog(), 'efidisk0 on local-zfs', 'newest snapshot only');
    same(changes(), []);
    await shut();
  });
}

async function clone() {
  console.log('Clone:');
  await tab();
  await loaded();
  await choose('before-upgrade');
  await press('cloneGuest');
  await check('it proposes a free ID', async () => {
    await browser.until(() => Ext.WindowManager.getActive().down('[name=newid]').getValue() === 103);
    await picture('clone');
  });
  await check('a bad name is not sent', async () => {
    await fill({ name: 'no name' });
    await agree();
    same(changes(), []);
  });
  await check('a refusal is shown as text and the window stays', async () => {
    await fill({ name: 'web02', newid: 100 });
    await agree();
    await browser.until(() => Ext.Msg.isVisible());
    has(await dialog(), 'already exists', HOSTILE);
    await browser.run(() => void Ext.Msg.close());
  });
  await check("it is made by Proxmox VE's API from the snapshot, and shares blocks", async () => {
    await fill({ newid: 103 });
    await agree();
    await until(() => api.log.length === 2);
    same(api.log[1].path, '/nodes/pve1/qemu/100/clone');
    same(api.log[1].params, { newid: '103', snapname: 'before-upgrade', full: '0', name: 'web02' });
    await noDialog();
  });
}

async function labels() {
  console.log('Hold, tags, delete:');
  await tab();
  await loaded();
  await choose('before-upgrade');
  await check('hold', async () => {
    await press('hold');
    has(await dialog(), 'stays until it is released');
    await picture('hold');
    await agree();
    await browser.until(() => tab.chosen().length === 1 && tab.chosen()[0].held);
    same(api.log[0].params, { held: '1' });
    same(await browser.run(() => tab.down('#hold').getText()), 'Release');
  });
  await check('release', async () => {
    await press('hold');
    await agree();
    await browser.until(() => tab.chosen().length === 1 && !tab.chosen()[0].held);
  });
  await check('tags and description', async () => {
    api.log = [];
    await press('relabel');
    await dialog();
    await picture('edit');
    await fill({ tags: 'web  nightly', description: 'zwei Zeilen\n<b>' });
    await agree();
    await browser.until(() => tab.chosen().length === 1 && tab.chosen()[0].tags.includes('nightly'));
    same(api.log[0].params, { description: 'zwei Zeilen\n<b>', 'add-tags': 'nightly', 'remove-tags': 'prod' });
    same(await browser.run(() => tab.chosen()[0].tags), ['nightly', 'web']);
  });
  await check('a bad tag is refused and the window stays', async () => {
    await press('relabel');
    await fill({ tags: '<b>' });
    await agree();
    await browser.until(() => Ext.Msg.isVisible());
    has(await dialog(), 'bad tag <b>');
    await shut();
  });
  await check("what Proxmox VE lists is deleted by Proxmox VE's task", async () => {
    api.log = [];
    await choose('before-upgrade');
    await press('destroySnapshot');
    has(await dialog(), 'for good', '100.00 MiB', 'gone from Snapshots, too');
    await picture('delete');
    await agree();
    await browser.until(() => tab.rows.length === 7);
    same(changes(), ['DELETE /nodes/pve1/qemu/100/snapshot/before-upgrade']);
    await noDialog();
  });
  await check("what it does not list is deleted by flatsnap's part of the API", async () => {
    api.log = [];
    await choose(HOSTILE);
    await press('destroySnapshot');
    has(await dialog(), HOSTILE);
    await picture('delete-hostile');
    await agree();
    await browser.until(() => tab.rows.length === 6);
    has(changes()[0], 'DELETE /nodes/pve1/storage/flat/flatsnap/100/snapshot/00000005-');
    await noDialog();
  });
}

async function downloads() {
  console.log('Download:');
  await tab();
  await loaded();
  await browser.run(() => {
    // The dialog of the system is all that is not real here: the file is one.
    window.picked = [];
    window.showSaveFilePicker = async (options) => {
      picked.push(options.suggestedName);
      return (await navigator.storage.getDirectory()).getFileHandle(options.suggestedName, { create: true });
    };
  });
  const written = (name) =>
    browser.run(async (file) => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle(file);
      return (await handle.getFile()).size;
    }, name);
  await check('a disk is chosen first', async () => {
    await choose('before-upgrade');
    await press('download');
    has(await dialog(), 'complete raw image');
    same(
      await browser.run(() => Ext.WindowManager.getActive().down('combobox').getStore().getRange().map((one) => one.data.field2)),
      ['vm-100-disk-0 (32.00 GiB)', 'vm-100-disk-1 (8.00 GiB)'],
    );
    await picture('download');
    await shut();
  });
  await check('an image is saved, with progress', async () => {
    await choose('small');
    await press('download');
    await dialog();
    await agree();
    await browser.until(() => Ext.WindowManager.getActive() && Ext.WindowManager.getActive().getEl().dom.innerText.includes('Done: 3.00 MiB'));
    await picture('download-done');
    same(await browser.run(() => picked), ['vm-100-disk-0-small.raw']);
    same(await written('vm-100-disk-0-small.raw'), IMAGE.length);
    await shut();
  });
  await check('one that ends early is told and not kept', async () => {
    await choose('cut-short');
    await press('download');
    await dialog();
    await agree();
    await browser.until(() => Ext.Msg.isVisible());
    has(await dialog(), 'it ended after 3145728 of 3145729 bytes');
    await picture('download-cut-short');
    same(await written('vm-100-disk-0-cut-short.raw'), 0);
    await shut();
  });
  await check('a browser without such files downloads as it does everything', async () => {
    await browser.run(() => {
      window.showSaveFilePicker = undefined;
    });
    await choose('small');
    await press('download');
    await dialog();
    await agree();
    const { source } = await browser.until(() => window.downloaded);
    has(source, '/api2/json/nodes/pve1/storage/flat/flatsnap/100/snapshot/00000007-', '/disk/vm-100-disk-0');
  });
}

async function others() {
  console.log('Containers, and where it does not fit:');
  await tab('lxc', 101, 'ct01');
  await check('a container has the tab, page by page', async () => {
    await loaded();
    same(await browser.run(() => tab.rows.length), 200);
    await browser.run(() => void tab.down('#more').btnEl.dom.click());
    await browser.until(() => tab.rows.length === 400);
    await browser.run(() => void tab.down('#more').btnEl.dom.click());
    await browser.until(() => tab.rows.length === 450 && tab.down('#more').hidden);
    await picture('container');
  });
  await check('its own storage is asked', () => browser.run(() => tab.storage).then((storage) => same(storage, 'tank')));
  await tab('qemu', 102, HOSTILE);
  await check('a guest without any shows so', async () => {
    await loaded();
    has(await browser.run(() => tab.getEl().dom.innerText), 'No snapshots', '0 snapshots');
    await picture('empty');
  });
  api.reset();
  await page('none=1');
  await guest('qemu', 100, 'web01');
  const tabs = () => browser.run(() => Object.keys(guest.savedItems));
  const stock = ['summary', 'snapshot', 'permissions'];
  await check('no tab without such a storage', async () => same(await tabs(), stock));
  for (const name of ['PVE.panel.StorageBase', 'Proxmox.window.TaskProgress', 'PVE.lxc.Config']) {
    await page(`lacking=${name}`);
    await check(`without ${name} the interface is as it was, and the rest is there`, async () => {
      await guest('qemu', 100, 'web01');
      same(await tabs(), name === 'PVE.panel.StorageBase' ? ['summary', 'snapshot', 'flatsnap', 'permissions'] : stock);
      same(await browser.run(() => !!PVE.Utils.storageSchema.flatsnap), name !== 'PVE.panel.StorageBase');
      has(await browser.run(() => window.warned.join()), `there is no ${name}`);
      same(await browser.run(() => window.errors), []);
    });
  }
  await tab('qemu', 100, 'web01');
  await loaded();
  await check('no script ran and no error was thrown anywhere', async () =>
    same(await browser.run(() => [window.hacked, window.errors]), [null, []]),
  );
}

let port;

async function main() {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'flatsnap-web-ui.'));
  const server = http.createServer((request, response) => void answer(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = server.address().port;
  browser = await start(work);
  try {
    for (const part of [storages, seeing, allowed, rollback, clone, labels, downloads, others]) {
      await part();
    }
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
    fs.rmSync(work, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => {
  console.log(`  FAILED: ${error.stack}\n${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
