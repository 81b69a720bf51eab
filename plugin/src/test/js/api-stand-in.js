// SPDX-License-Identifier: AGPL-3.0-or-later
// Stands in for the API of a node: PVE's own paths of guests, storages and tasks, and those of PVE/API2/Flatsnap.pm. It
// remembers, and refuses what the real one refuses.
'use strict';

const HOSTILE = '<img src=x onerror="window.hacked=1">';
const DAY = 86400;
// Noon, so that no time zone moves it to another day.
const NOW = Math.floor(new Date(2026, 10, 22, 12, 0, 0).getTime() / 1000);
const GIB = 1024 ** 3;
const IMAGE = Buffer.alloc(3 * 1024 * 1024, 'flatsnap');

function row(number, name, more) {
  return {
    id: `0000000${number}-0000-4000-8000-000000000000`,
    name,
    takenAt: NOW - number * 40000,
    size: 40 * GIB,
    consistency: 'filesystem',
    torn: false,
    held: false,
    orphaned: false,
    untouchable: false,
    tags: [],
    description: '',
    disks: [
      { name: 'vm-100-disk-0', bytes: 32 * GIB },
      { name: 'vm-100-disk-1', bytes: 8 * GIB },
    ],
    ...more,
  };
}

function state() {
  const rows = [
    row(1, 'before-upgrade', { tags: ['prod', 'web'], description: 'nginx 1.28' }),
    row(2, 'with-memory', { consistency: 'crash', torn: true }),
    row(3, 'guard-2026-11-20_14-03-11.482', { guard: 'rollback to s1', expires: NOW + 7 * DAY, consistency: 'crash' }),
    row(4, 'kept', { held: true, tags: ['prod'] }),
    row(5, HOSTILE, {
      tags: [HOSTILE],
      description: HOSTILE,
      consistency: HOSTILE,
      disks: [{ name: HOSTILE, bytes: GIB }],
      size: GIB,
    }),
    row(6, 'autosnap_daily', { foreign: `autosnap ${HOSTILE}`, untouchable: true }),
    row(7, 'small', { disks: [{ name: 'vm-100-disk-0', bytes: IMAGE.length }], size: IMAGE.length }),
    row(8, 'cut-short', { disks: [{ name: 'vm-100-disk-0', bytes: IMAGE.length + 1 }], size: IMAGE.length }),
  ];
  // Names that are in use again, of what they do not mean any more.
  const past = [
    row(1, 'before-upgrade', { id: 'orphaned-before', takenAt: NOW - 400000, orphaned: true }),
    row(1, 'before-upgrade', { id: 'retired-before', takenAt: NOW - 410000, disks: [], size: 0 }),
  ];
  const many = Array.from({ length: 450 }, (_, i) =>
    row(0, `nightly-${i}`, { id: `many-${i}`, takenAt: NOW - i * 3600, consistency: 'crash' }),
  );
  return {
    past,
    guests: {
      'qemu/100': {
        rows,
        pve: [
          { name: 'before-upgrade', snaptime: NOW - 40000 },
          { name: 'with-memory', snaptime: NOW - 80000, vmstate: 1 },
          { name: 'kept', snaptime: NOW - 160000 },
        ],
        running: 1,
        config: {
          name: 'web01',
          scsi0: 'flat:100/vm-100-disk-0.raw,size=32G',
          scsi1: 'flat:100/vm-100-disk-1.raw,size=8G',
          net0: 'virtio=AA:BB:CC:DD:EE:FF,bridge=vmbr0',
        },
      },
      'lxc/101': { rows: many, pve: [], running: 0, config: { rootfs: 'tank:vm-101-disk-0,size=8G' } },
      'qemu/102': { rows: [], pve: [], running: 0, config: { scsi0: 'local-lvm:vm-102-disk-0' } },
    },
    storages: {
      old: { storage: 'old', type: 'flatsnap', path: '/mnt/vms', content: 'images', shared: 1 },
      zfs: { storage: 'zfs', type: 'flatsnap', 'flatsnap-dataset': 'tank/vms', content: 'images,rootdir' },
    },
    tasks: new Map(),
    failing: undefined,
    // So many questions for a task are not answered.
    away: 0,
    delay: 0,
    log: [],
  };
}

class Refusal extends Error {
  constructor(status, message, errors) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

class Api {
  constructor() {
    this.reset();
  }

  reset() {
    Object.assign(this, state());
  }

  // A worker that is done after some polls, with what it does.
  task(type, id, work) {
    const pid = (1000 + this.tasks.size).toString(16).padStart(8, '0');
    const upid = `UPID:pve1:${pid}:00000001:6740AAAA:${type}:${id}:root@pam:`;
    let exitstatus = 'OK';
    if (this.failing === type) {
      exitstatus = `storage is away ${HOSTILE}`;
    } else {
      work();
    }
    this.tasks.set(upid, { polls: 2, exitstatus });
    return upid;
  }

  handle(method, path, params) {
    const parts = path.split('/').filter((part) => part).map(decodeURIComponent);
    if (method !== 'GET') {
      this.log.push({ method, path: '/' + parts.join('/'), params });
    }
    if (path === '/cluster/nextid') {
      return '103';
    }
    if (path === '/cluster/resources') {
      return [
        { type: 'storage', plugintype: 'dir', node: 'pve1', storage: 'local' },
        { type: 'storage', plugintype: 'zfspool', node: 'pve1', storage: 'local-zfs' },
        { type: 'storage', plugintype: 'flatsnap', node: 'pve1', storage: 'flat' },
        { type: 'storage', plugintype: 'flatsnap', node: 'pve1', storage: 'tank' },
        { type: 'storage', plugintype: 'flatsnap', node: 'pve2', storage: 'elsewhere' },
      ];
    }
    if (parts[0] === 'storage') {
      return this.storage(method, parts[1], params);
    }
    const [, , type, id, ...rest] = parts;
    if (type === 'tasks') {
      if (this.away > 0) {
        this.away -= 1;
        throw new Refusal(503, 'pveproxy is being restarted');
      }
      const task = this.tasks.get(id);
      task.polls -= 1;
      return task.polls > 0 ? { status: 'running' } : { status: 'stopped', exitstatus: task.exitstatus };
    }
    if (type === 'storage') {
      return this.flatsnap(method, rest, params);
    }
    return this.guest(method, type, id, rest, params);
  }

  storage(method, id, params) {
    if (method === 'GET') {
      return this.storages[id];
    }
    if (method === 'POST' && params.path === '/not/there') {
      throw new Refusal(500, `create storage failed: '/not/there' ${HOSTILE} is on ext4, which has no reflink`);
    }
    return {};
  }

  guest(method, type, id, [what, name, action], params) {
    const guest = this.guests[`${type}/${id}`];
    if (what === 'config') {
      return guest.config;
    }
    if (what === 'status') {
      return { status: guest.running ? 'running' : 'stopped' };
    }
    if (what === 'clone') {
      if (params.newid === '100') {
        throw new Refusal(400, 'Parameter verification failed.', { newid: `VM 100 already exists ${HOSTILE}` });
      }
      return this.task('qmclone', id, () => {});
    }
    if (method === 'GET') {
      return guest.pve.concat({ name: 'current', running: guest.running, digest: 'x' });
    }
    if (method === 'DELETE') {
      return this.task('qmdelsnapshot', id, () => {
        guest.pve = guest.pve.filter((entry) => entry.name !== name);
        guest.rows = guest.rows.filter((entry) => entry.name !== name);
      });
    }
    if (action === 'rollback') {
      if (!guest.pve.some((entry) => entry.name === name)) {
        throw new Refusal(500, `snapshot '${name}' does not exist`);
      }
      return this.task('qmrollback', id, () => {
        guest.running = params.start ? 1 : 0;
      });
    }
    return this.task('qmsnapshot', id, () => {
      if (!/^[a-z][a-z0-9_-]{1,39}$/i.test(params.snapname)) {
        throw new Refusal(400, 'bad snapname');
      }
      guest.pve.push({ name: params.snapname, snaptime: NOW, description: params.description + '\n' });
      guest.rows.unshift(row(0, params.snapname, { id: params.snapname, description: params.description, takenAt: NOW }));
    });
  }

  flatsnap(method, [, vmid, what, id, , disk], params) {
    const guest = Object.entries(this.guests).find(([key]) => key.endsWith('/' + vmid))[1];
    if (!what) {
      return this.search(guest, params);
    }
    if (what === 'space') {
      const wanted = params.snapshots ? params.snapshots.split(',') : guest.rows.map((entry) => entry.id);
      return {
        snapshots: guest.rows
          .filter((entry) => wanted.includes(entry.id))
          .map((entry, i) => ({ id: entry.id, name: entry.name, exclusive: (i + 1) * 100 * 1024 * 1024 })),
        freed: 3 * GIB,
      };
    }
    const found = guest.rows.find((entry) => entry.id === id);
    if (!found) {
      throw new Refusal(404, `VM ${vmid} has no snapshot '${id}'`);
    }
    if (disk) {
      return found.name === 'cut-short' || found.name === 'small' ? IMAGE : Buffer.alloc(0);
    }
    if (method === 'DELETE') {
      if (found.held) {
        throw new Refusal(409, 'it is held');
      }
      guest.rows = guest.rows.filter((entry) => entry !== found);
    } else {
      const list = (key) => (params[key] ? params[key].split(',') : []);
      if (list('add-tags').some((tag) => !/^[\p{L}\p{N}][\w.:=-]*$/u.test(tag))) {
        throw new Refusal(400, `bad tag ${list('add-tags')}`);
      }
      found.tags = found.tags.filter((tag) => !list('remove-tags').includes(tag)).concat(list('add-tags')).sort();
      found.description = params.description ?? found.description;
      found.held = params.held === undefined ? found.held : params.held === '1';
    }
    return found;
  }

  search(guest, params) {
    let rows = guest.rows;
    for (const term of (params.q || '').split(/\s+/).filter((one) => one)) {
      const [, key, value] = /^(\w+)=(.*)$/.exec(term) || [undefined, 'text', term];
      if (key === 'tag') {
        if (!value) {
          throw new Refusal(400, `cannot read the query ${HOSTILE}: 'tag=' names no tag; write tag=TAG`);
        }
        rows = rows.filter((entry) => entry.tags.includes(value));
      } else if (key === 'text') {
        rows = rows.filter((entry) => (entry.name + entry.description).toLowerCase().includes(value.toLowerCase()));
      } else {
        throw new Refusal(400, `a query has no '${key}='`);
      }
    }
    const from = Number(params.cursor || 0);
    const limit = Number(params.limit);
    const next = from + limit < rows.length ? { next: String(from + limit) } : {};
    return { snapshots: rows.slice(from, from + limit), ...next };
  }
}

module.exports = { Api, Refusal, HOSTILE, IMAGE };
