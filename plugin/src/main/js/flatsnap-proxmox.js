// SPDX-License-Identifier: AGPL-3.0-or-later
// What flatsnap adds to the web interface of Proxmox VE 8 and 9 (ExtJS 7): its storage type below Datacenter > Storage, and
// the tab "Flat snapshots" of virtual machines and containers. Loaded after pvemanagerlib.js, of which nothing is changed
// but a hook in PVE.panel.Config. Whatever fails here leaves the interface as it was.
//
// Snapshots come from PVE/API2/Flatsnap.pm (/nodes/{node}/storage/{storage}/flatsnap/{vmid}); taking, rolling back, cloning
// and deleting what Proxmox VE knows goes through its own API. What users wrote is HTML-encoded wherever it is shown: every
// text that reaches a template, a message or a column goes through text().
// Not strict: ExtJS finds the method to call in callParent() by its caller.
(function () {
    const TYPE = 'flatsnap';
    const PAGE = 200;
    // What Rollback names the present state that it keeps; Undo looks for the newest of them.
    const UNDO = /^undo_\d{8}_\d{6}$/;
    const DISK = /^(?:scsi|virtio|sata|ide|efidisk|tpmstate|mp)\d+$|^rootfs$/;
    // Types of storage that refuse to go back to any but the newest snapshot.
    const NEWEST_ONLY = ['zfspool', 'lvm'];
    const POLLS = 10;

    const attempt = function (what, action) {
        try {
            action();
        } catch (error) {
            console.warn(`flatsnap: cannot add ${what}, the rest stays as it was:`, error);
        }
    };

    const need = function (name) {
        const found = Ext.ClassManager.get(name);
        if (!found) {
            throw new Error(`there is no ${name}`);
        }
        return found;
    };

    const text = (value) => Ext.htmlEncode(value === undefined || value === null ? '' : String(value));
    // A quick tip takes HTML from an attribute, so both have to be got through.
    const tip = (value) => text(text(value));
    const size = (bytes) => (Number.isFinite(bytes) ? Proxmox.Utils.format_size(bytes) : '');
    const time = (date) => Ext.Date.format(date, 'Y-m-d H:i:s');
    const plural = (count, thing) => `${count} ${thing}${count === 1 ? '' : 's'}`;
    const caps = () => (Ext.state.Manager.get('GuiCap') || {}).vms || {};

    // The reason of a failed request as HTML; htmlStatus is encoded by Proxmox.Utils.
    const reason = function (response) {
        const result = response.result || {};
        if (result.message) {
            const parts = [result.message].concat(Object.values(result.errors || {}));
            return parts.map((part) => text(String(part).trim())).join('<br>');
        }
        return response.htmlStatus || text(gettext('Unknown error'));
    };

    const tell = (response) => Ext.Msg.alert(gettext('Error'), reason(response));

    // --- storage

    attempt('the storage type', function () {
        need('PVE.panel.StorageBase');
        if (!PVE.Utils.storageSchema) {
            throw new Error('there is no PVE.Utils.storageSchema');
        }

        Ext.define('PVE.storage.FlatsnapInputPanel', {
            extend: 'PVE.panel.StorageBase',

            onGetValues: function (values) {
                delete values.place;
                return this.callParent([values]);
            },

            // Where it lies is settled when it is added; only the one of the two that it has is shown then.
            onSetValues: function (values) {
                const me = this;
                if (!me.isCreate) {
                    me.down('[name=path]').setHidden(!values.path);
                    me.down('[name=flatsnap-dataset]').setHidden(!values['flatsnap-dataset']);
                }
                return values;
            },

            initComponent: function () {
                const me = this;
                const choose = function (place) {
                    ['path', 'flatsnap-dataset'].forEach(function (name) {
                        const field = me.down(`[name=${name}]`);
                        field.setHidden(name !== place);
                        field.setDisabled(name !== place);
                    });
                };

                me.column1 = [];
                if (me.isCreate) {
                    me.column1.push({
                        xtype: 'proxmoxKVComboBox',
                        name: 'place',
                        submitValue: false,
                        fieldLabel: gettext('Disks on'),
                        value: 'path',
                        comboItems: [
                            ['path', gettext('Directory')],
                            ['flatsnap-dataset', gettext('ZFS dataset')],
                        ],
                        listeners: { change: (field, place) => choose(place) },
                    });
                }
                me.column1.push(
                    {
                        xtype: me.isCreate ? 'textfield' : 'displayfield',
                        name: 'path',
                        fieldLabel: gettext('Directory'),
                        emptyText: '/mnt/vms',
                        regex: /^\/\S/,
                        regexText: gettext('An absolute path'),
                        allowBlank: false,
                        renderer: me.isCreate ? undefined : text,
                    },
                    {
                        xtype: me.isCreate ? 'textfield' : 'displayfield',
                        name: 'flatsnap-dataset',
                        fieldLabel: gettext('Dataset'),
                        emptyText: 'tank/vms',
                        regex: /^[A-Za-z][\w.:-]*(\/[\w.:-]+)*$/,
                        regexText: gettext('The name of a dataset, without a leading slash'),
                        allowBlank: false,
                        hidden: true,
                        disabled: !!me.isCreate,
                        renderer: me.isCreate ? undefined : text,
                    },
                    {
                        xtype: 'pveContentTypeSelector',
                        name: 'content',
                        cts: ['images', 'rootdir'],
                        value: ['images', 'rootdir'],
                        multiSelect: true,
                        fieldLabel: gettext('Content'),
                        allowBlank: false,
                    },
                );
                me.column2 = [
                    {
                        xtype: 'proxmoxcheckbox',
                        name: 'shared',
                        uncheckedValue: 0,
                        checked: false,
                        fieldLabel: gettext('Shared'),
                        autoEl: {
                            tag: 'div',
                            'data-qtip': gettext('The same directory on all these nodes, as on OCFS2'),
                        },
                    },
                ];
                me.callParent();
            },
        });

        PVE.Utils.storageSchema[TYPE] = {
            name: 'Flatsnap',
            ipanel: 'FlatsnapInputPanel',
            faIcon: 'clone',
            backups: false,
        };
    });

    // --- the tab

    attempt('the tab Flat snapshots', function () {
        need('PVE.panel.Config');
        need('PVE.qemu.Config');
        need('PVE.lxc.Config');
        need('Proxmox.window.TaskProgress');
        Proxmox.Utils.override_task_descriptions({
            flatsnapdownload: ['VM/CT', gettext('Download from a flat snapshot')],
        });

        Ext.define('Flatsnap.Snapshot', {
            extend: 'Ext.data.TreeModel',
            fields: [
                'name',
                'kind',
                'tags',
                'description',
                { name: 'takenAt', type: 'date', dateFormat: 'timestamp' },
                { name: 'exclusive', type: 'number', allowNull: true },
            ],
        });

        // A window that says what will happen and then does it; `go` gets the values of its fields.
        Ext.define('Flatsnap.Confirm', {
            extend: 'Ext.window.Window',
            modal: true,
            autoShow: true,
            resizable: false,
            width: 520,
            bodyPadding: 10,
            referenceHolder: true,
            defaultButton: 'go',
            defaultFocus: 'field:focusable[disabled=false][hidden=false]',

            initComponent: function () {
                const me = this;
                me.form = Ext.create('Ext.form.Panel', {
                    border: false,
                    fieldDefaults: { labelWidth: 110, anchor: '100%' },
                    items: [
                        {
                            xtype: 'component',
                            html: me.says,
                            // To be read first.
                            style: 'line-height: 1.5; overflow-wrap: anywhere',
                            margin: me.fields ? '0 0 12 0' : 0,
                        },
                    ].concat(me.fields || []),
                });
                Ext.apply(me, {
                    items: [me.form],
                    buttons: [
                        {
                            text: me.does,
                            reference: 'go',
                            handler: function () {
                                if (me.form.isValid()) {
                                    me.go(me.form.getForm().getFieldValues(), me);
                                }
                            },
                        },
                        { text: gettext('Cancel'), handler: () => me.close() },
                    ],
                });
                me.callParent();
            },
        });

        Ext.define('Flatsnap.View', {
            extend: 'Ext.tree.Panel',
            xtype: 'flatsnapView',

            rootVisible: false,
            useArrows: true,
            animate: false,
            columnLines: true,
            rowLines: true,
            sortableColumns: false,
            selModel: { type: 'rowmodel', mode: 'MULTI' },
            viewConfig: { emptyText: gettext('No snapshots'), deferEmptyText: false, trackOver: false },

            initComponent: function () {
                const me = this;
                const { node, vmid, name } = me.pveSelNode.data;
                if (!node || !vmid) {
                    throw 'no node or VM ID specified';
                }
                Ext.apply(me, { node, vmid, vmname: name, guest: `/nodes/${node}/${me.type}/${vmid}` });
                me.title = me.title || gettext('Flat snapshots');
                // Of several answers under way only that of the newest question counts.
                me.asked = 0;
                me.known = {};
                me.newestOnly = [];
                me.exclusive = new Map();
                me.store = Ext.create('Ext.data.TreeStore', {
                    model: 'Flatsnap.Snapshot',
                    root: { expanded: true, children: [] },
                });
                me.columns = me.shownColumns();
                me.dockedItems = [me.bar(), me.foot()];
                me.callParent();
                me.search = me.down('#search');
                me.on('selectionchange', me.review, me);
                me.on('itemdblclick', (view, record) => record.data.kind === 'snapshot' && me.details());
                me.on('activate', me.reload, me);
                me.on('afterrender', me.reload, me, { single: true });
                me.review();
            },

            bar: function () {
                const me = this;
                const button = (itemId, label, icon) => ({
                    itemId,
                    text: label,
                    iconCls: `fa fa-${icon}`,
                    disabled: true,
                    handler: () => me[itemId](),
                });
                return {
                    xtype: 'toolbar',
                    dock: 'top',
                    overflowHandler: 'menu',
                    items: [
                        {
                            xtype: 'textfield',
                            itemId: 'search',
                            width: 230,
                            emptyText: gettext('Search') + ': nginx tag=prod',
                            enableKeyEvents: true,
                            triggers: {
                                clear: {
                                    cls: 'x-form-clear-trigger',
                                    hidden: true,
                                    handler: (field) => field.setValue(''),
                                },
                            },
                            listeners: {
                                buffer: 300,
                                change: function (field, value) {
                                    field.getTrigger('clear').setVisible(!!value);
                                    me.loadPage();
                                },
                            },
                            autoEl: {
                                tag: 'div',
                                'data-qtip': text(
                                    'Words in name or description, and name=GLOB tag=TAG on=DAY after=DATE before=DATE',
                                ),
                            },
                        },
                        '-',
                        button('rollback', gettext('Rollback'), 'undo'),
                        button('undo', gettext('Undo rollback'), 'repeat'),
                        button('cloneGuest', gettext('Clone'), 'clone'),
                        button('download', gettext('Download'), 'download'),
                        '-',
                        button('details', gettext('Details'), 'columns'),
                        button('relabel', gettext('Edit'), 'tags'),
                        button('hold', gettext('Hold'), 'lock'),
                        button('destroySnapshot', gettext('Delete'), 'trash-o'),
                        '->',
                        {
                            itemId: 'reload',
                            iconCls: 'fa fa-refresh',
                            tooltip: gettext('Reload'),
                            handler: () => me.reload(),
                        },
                    ],
                };
            },

            foot: function () {
                const me = this;
                return {
                    xtype: 'toolbar',
                    dock: 'bottom',
                    items: [
                        { xtype: 'tbtext', itemId: 'status', flex: 1, style: 'white-space: normal' },
                        {
                            itemId: 'more',
                            text: gettext('Show older'),
                            hidden: true,
                            handler: () => me.loadPage(me.cursor),
                        },
                    ],
                };
            },

            shownColumns: function () {
                const me = this;
                const ofSnapshot = (render) => (value, meta, record) =>
                    record.data.kind === 'snapshot' ? render(record.data, meta) : '';
                return [
                    {
                        xtype: 'treecolumn',
                        text: gettext('Name'),
                        dataIndex: 'name',
                        flex: 2,
                        minWidth: 220,
                        renderer: function (value, meta, record) {
                            if (record.data.kind === 'day') {
                                return `<b>${text(value)}</b>`;
                            }
                            meta.tdAttr = `data-qtip="${tip(me.about(record.data))}"`;
                            return text(value);
                        },
                    },
                    {
                        text: gettext('Time'),
                        dataIndex: 'takenAt',
                        width: 90,
                        renderer: ofSnapshot((row) => Ext.Date.format(row.takenAt, 'H:i:s')),
                    },
                    {
                        text: gettext('Size'),
                        width: 95,
                        align: 'right',
                        renderer: ofSnapshot((row) => size(row.size)),
                    },
                    {
                        text: gettext('Exclusive'),
                        tooltip: gettext('What deleting it alone would free'),
                        dataIndex: 'exclusive',
                        width: 110,
                        align: 'right',
                        renderer: ofSnapshot((row) => size(row.exclusive)),
                    },
                    {
                        text: gettext('Consistency'),
                        width: 120,
                        renderer: ofSnapshot((row) => text(row.consistency) + (row.torn ? ', torn' : '')),
                    },
                    {
                        text: gettext('Tags'),
                        dataIndex: 'tags',
                        flex: 1,
                        minWidth: 100,
                        renderer: ofSnapshot((row) => row.tags.map(text).join(', ')),
                    },
                    {
                        text: gettext('Held'),
                        width: 60,
                        align: 'center',
                        renderer: ofSnapshot((row) => (row.held ? '<i class="fa fa-lock"></i>' : '')),
                    },
                    {
                        text: gettext('Description'),
                        dataIndex: 'description',
                        flex: 2,
                        minWidth: 120,
                        renderer: ofSnapshot((row) => text(row.description)),
                    },
                ];
            },

            // What Proxmox VE lists of a snapshot, if it does. A name may be in use again, so it is not enough; a node with an
            // older version also shows what has lost all its disks.
            knownAs: function (row) {
                return row.orphaned || !row.disks.length ? undefined : this.known[row.name];
            },

            // What a snapshot is to Proxmox VE, in words.
            about: function (row) {
                if (row.guard) {
                    return `Taken by flatsnap before: ${row.guard}; freed by itself after ${time(
                        new Date(row.expires * 1000),
                    )}`;
                }
                if (row.foreign) {
                    return `Taken by another tool as ${row.foreign}`;
                }
                if (row.orphaned) {
                    return (
                        'Orphaned: the configuration of the guest does not name it any more, so it cannot be rolled back to or cloned. ' +
                        'Its disks can be downloaded; delete it when nobody needs it'
                    );
                }
                return this.knownAs(row)
                    ? 'Proxmox VE lists it under Snapshots, too'
                    : 'Proxmox VE has no record of it: it cannot be rolled back to or cloned here';
            },

            // --- loading

            ask: function (options) {
                const me = this;
                const guarded = (handler) =>
                    function (response) {
                        // Answers may come when the tab is gone.
                        if (!me.destroyed && handler) {
                            handler(response);
                        }
                    };
                Proxmox.Utils.API2Request(
                    Ext.apply({}, {
                        success: guarded(options.success),
                        failure: guarded(options.failure || tell),
                    }, Ext.apply({ method: 'GET' }, options)),
                );
            },

            fail: function (response) {
                Proxmox.Utils.setErrorMask(this, reason(response));
            },

            reload: function () {
                const me = this;
                const failure = (response) => me.fail(response);
                me.ask({
                    url: me.guest + '/snapshot',
                    failure,
                    success: function (response) {
                        me.known = {};
                        response.result.data.forEach(function (entry) {
                            if (entry.name !== 'current') {
                                me.known[entry.name] = entry;
                            }
                        });
                        me.locate(function () {
                            me.loadPage();
                            me.measure();
                        });
                    },
                });
            },

            // The storage to ask: one of type flatsnap that the guest has a disk on, else any, for all reach the same daemon.
            locate: function (then) {
                const me = this;
                const failure = (response) => me.fail(response);
                me.ask({
                    url: '/cluster/resources',
                    params: { type: 'storage' },
                    failure,
                    success: function (response) {
                        const flat = response.result.data
                            .filter((entry) => entry.plugintype === TYPE && entry.node === me.node)
                            .map((entry) => entry.storage)
                            .sort();
                        const newestOnly = response.result.data
                            .filter((entry) => NEWEST_ONLY.includes(entry.plugintype))
                            .map((entry) => entry.storage);
                        if (!flat.length) {
                            Proxmox.Utils.setErrorMask(
                                me,
                                text('This node has no storage of type flatsnap that you may see.'),
                            );
                            return;
                        }
                        me.ask({
                            url: me.guest + '/config',
                            failure,
                            success: function (answer) {
                                me.volumes = {};
                                me.newestOnly = [];
                                Object.entries(answer.result.data).forEach(function ([key, value]) {
                                    const place = DISK.test(key) && /^([A-Za-z][\w.-]*):/.exec(value);
                                    if (place && newestOnly.includes(place[1]) && !/,media=cdrom/.test(value)) {
                                        me.newestOnly.push(`${key} on ${place[1]}`);
                                    }
                                    const volume = /^([A-Za-z][\w.-]*):(?:\d+\/)?([\w.-]+?)(?:\.raw)?(?:,|$)/.exec(value);
                                    if (volume && flat.includes(volume[1])) {
                                        me.volumes[volume[2]] = volume[1];
                                    }
                                });
                                me.storage = Object.values(me.volumes).sort()[0] || flat[0];
                                me.base = me.baseOf(me.storage);
                                then();
                            },
                        });
                    },
                });
            },

            baseOf: function (storage) {
                return `/nodes/${this.node}/storage/${storage}/${TYPE}/${this.vmid}`;
            },

            // With a cursor what follows is added to what is shown.
            loadPage: function (cursor) {
                const me = this;
                if (!me.base) {
                    return;
                }
                const asked = ++me.asked;
                const params = { limit: PAGE };
                const q = me.search.getValue().trim();
                if (q) {
                    params.q = q;
                }
                if (cursor) {
                    params.cursor = cursor;
                }
                me.ask({
                    url: me.base,
                    params,
                    failure: function (response) {
                        if (asked !== me.asked) {
                            return;
                        }
                        if (q) {
                            // What was found before stays: half a query is no query yet.
                            me.search.markInvalid(reason(response));
                            me.status(reason(response), true);
                        } else {
                            me.fail(response);
                        }
                    },
                    success: function (response) {
                        if (asked !== me.asked) {
                            return;
                        }
                        me.search.clearInvalid();
                        Proxmox.Utils.setErrorMask(me, false);
                        me.fill(response.result.data, cursor);
                    },
                });
            },

            mark: function (row) {
                if (row.guard) {
                    return 'shield';
                }
                if (row.foreign) {
                    return 'external-link';
                }
                return row.orphaned ? 'chain-broken' : 'history';
            },

            fill: function (page, added) {
                const me = this;
                const selected = me.getSelection().map((record) => record.id);
                me.rows = (added ? me.rows : []).concat(page.snapshots);
                me.cursor = page.next;
                me.down('#more').setHidden(!page.next);
                const days = new Map();
                me.rows.forEach(function (row) {
                    const day = Ext.Date.format(new Date(row.takenAt * 1000), 'Y-m-d');
                    if (!days.has(day)) {
                        days.set(day, []);
                    }
                    days.get(day).push(
                        Ext.apply({}, {
                            kind: 'snapshot',
                            leaf: true,
                            exclusive: me.exclusive.has(row.id) ? me.exclusive.get(row.id) : null,
                            iconCls: `fa fa-fw x-fa-tree fa-${me.mark(row)}`,
                        }, row),
                    );
                });
                const children = Array.from(days, ([day, rows]) => ({
                    id: 'day-' + day,
                    kind: 'day',
                    name: day,
                    expanded: true,
                    iconCls: 'fa fa-fw x-fa-tree fa-calendar-o',
                    children: rows,
                }));
                me.setRootNode({ expanded: true, children });
                const model = me.getSelectionModel();
                model.deselectAll(true);
                model.select(selected.map((id) => me.store.getNodeById(id)).filter((record) => record), false, true);
                me.review();
            },

            // Comparing extents takes a while, so the list does not wait for it.
            measure: function () {
                const me = this;
                me.ask({
                    url: me.base + '/space',
                    failure: (response) => me.status(reason(response), true),
                    success: function (response) {
                        response.result.data.snapshots.forEach((part) => me.exclusive.set(part.id, part.exclusive));
                        me.store.getRoot().cascade(function (record) {
                            if (me.exclusive.has(record.id)) {
                                record.set('exclusive', me.exclusive.get(record.id), { commit: true });
                            }
                        });
                    },
                });
            },

            // --- what may be done now

            status: function (html, bad) {
                this.down('#status').setHtml(bad ? `<i class="fa fa-exclamation-triangle warning"></i> ${html}` : html);
            },

            // The chosen snapshots, oldest first.
            chosen: function () {
                return this.getSelection()
                    .filter((record) => record.data.kind === 'snapshot')
                    .map((record) => record.data)
                    .sort((a, b) => a.takenAt - b.takenAt);
            },

            lastUndo: function () {
                return Object.keys(this.known)
                    .filter((name) => UNDO.test(name) && !this.known[name].snapstate)
                    .sort((a, b) => this.known[a].snaptime - this.known[b].snaptime || (a < b ? -1 : 1))
                    .pop();
            },

            review: function () {
                const me = this;
                const may = caps();
                const rows = me.chosen();
                const row = rows.length === 1 ? rows[0] : undefined;
                const known = row && me.knownAs(row);
                const whole = known && !known.snapstate;
                const own = row && !row.untouchable;
                const enable = (itemId, enabled) => me.down('#' + itemId).setDisabled(!enabled);
                enable('rollback', whole && may['VM.Snapshot.Rollback'] && may['VM.Snapshot']);
                enable('undo', me.lastUndo() && may['VM.Snapshot.Rollback'] && may['VM.Snapshot']);
                enable('cloneGuest', whole && may['VM.Clone']);
                enable('download', row && row.disks.length && may['VM.Backup'] && me.node === Proxmox.NodeName);
                enable('details', rows.length === 1 || rows.length === 2);
                enable('relabel', own && may['VM.Snapshot']);
                enable('hold', own && may['VM.Snapshot']);
                enable('destroySnapshot', own && !row.held && may['VM.Snapshot']);
                me.down('#details').setText(rows.length === 2 ? gettext('Compare') : gettext('Details'));
                me.down('#hold').setText(row && row.held ? gettext('Release') : gettext('Hold'));
                me.down('#hold').setIconCls(`fa fa-${row && row.held ? 'unlock' : 'lock'}`);
                if (row) {
                    let said = `<b>${text(row.name)}</b>: ${text(me.about(row))}`;
                    if (row.held) {
                        said += '; held, so it cannot be deleted';
                    }
                    if (me.node !== Proxmox.NodeName) {
                        said += text(`; images are downloaded from the web interface of ${me.node} itself`);
                    }
                    me.status(said);
                } else {
                    const shown = (me.rows || []).length;
                    me.status(
                        text(
                            rows.length > 1
                                ? plural(rows.length, 'snapshot') + ' chosen'
                                : `${plural(shown, 'snapshot')}${me.cursor ? ' shown, there are more' : ''}`,
                        ),
                    );
                }
            },

            // --- actions

            guestText: function () {
                const kind = this.type === 'lxc' ? 'CT' : 'VM';
                return `${kind} ${this.vmid}${this.vmname ? ` (${this.vmname})` : ''}`;
            },

            named: (row) => `<b>${text(row.name)}</b> of ${text(time(row.takenAt))}`,

            // POST or DELETE at PVE's own API of this guest; `then` gets the task's UPID.
            task: function (method, path, params, win, then) {
                const me = this;
                me.ask({
                    url: me.guest + path,
                    method,
                    params,
                    waitMsgTarget: win || me,
                    success: function (response) {
                        if (win) {
                            win.close();
                        }
                        (then || ((upid) => me.follow(upid)))(response.result.data);
                    },
                });
            },

            // Shows PVE's window of the task.
            follow: function (upid) {
                const me = this;
                const win = Ext.create('Proxmox.window.TaskProgress', {
                    upid,
                    autoShow: true,
                    taskDone: () => me.destroyed || me.reload(),
                });
                win.on('close', () => me.destroyed || me.reload());
            },

            // Waits for a task that a second one is to follow; a window could be closed before.
            succeeded: function (upid, says, then) {
                const me = this;
                const nothing = (why) => ({ result: { message: `Nothing was rolled back: ${why}` } });
                // The second one would go with the tab, so nobody is to leave it; who does all the same is told.
                const left = () => tell(nothing('the tab was left before the present state was kept'));
                Ext.Msg.wait(says, gettext('Please wait...'));
                me.on('destroy', left);
                const end = function () {
                    me.un('destroy', left);
                    Ext.Msg.hide();
                };
                const failure = function (why) {
                    end();
                    tell(nothing(why));
                    me.reload();
                };
                const again = (failed) => Ext.defer(() => me.destroyed || poll(failed), 1000);
                const poll = function (failed) {
                    me.ask({
                        url: `/nodes/${me.node}/tasks/${encodeURIComponent(upid)}/status`,
                        failure: function (response) {
                            // pveproxy is away for a moment when it is restarted.
                            if (failed < POLLS) {
                                again(failed + 1);
                            } else {
                                failure((response.result || {}).message || response.statusText || 'no answer');
                            }
                        },
                        success: function (response) {
                            const task = response.result.data;
                            if (task.status !== 'stopped') {
                                again(0);
                            } else if (task.exitstatus === 'OK' || /^WARNINGS: /.test(task.exitstatus)) {
                                end();
                                then();
                            } else {
                                failure(task.exitstatus);
                            }
                        },
                    });
                };
                poll(0);
            },

            // The guard of PVE's own: without it the present state would be out of PVE's reach after the rollback.
            rollBackTo: function (name, start, win) {
                const me = this;
                const keep = {
                    snapname: 'undo_' + Ext.Date.format(new Date(), 'Ymd_His'),
                    description: `before rollback to ${name}`,
                };
                const rollBack = () =>
                    me.task('POST', `/snapshot/${encodeURIComponent(name)}/rollback`, start ? { start: 1 } : {});
                me.task('POST', '/snapshot', keep, win, (upid) =>
                    me.succeeded(upid, text(`Keeping the present state as ${keep.snapname} ...`), rollBack),
                );
            },

            rollback: function () {
                const me = this;
                const row = me.chosen()[0];
                me.confirmRollback(
                    gettext('Rollback'),
                    `The disks and the configuration of ${text(me.guestText())} become as they were in ${me.named(row)}.`,
                    row.name,
                );
            },

            undo: function () {
                const me = this;
                const name = me.lastUndo();
                const entry = me.known[name];
                me.confirmRollback(
                    gettext('Undo rollback'),
                    `The disks and the configuration of ${text(me.guestText())} become again as they were at ${text(
                        time(new Date(entry.snaptime * 1000)),
                    )}, ${text(entry.description || 'before the last rollback').trim()} (snapshot <b>${text(name)}</b>).`,
                    name,
                );
            },

            // Whether it runs is asked now: it may have been started or stopped since the tab was shown.
            confirmRollback: function (title, says, name) {
                const me = this;
                if (me.newestOnly.length) {
                    Ext.Msg.alert(
                        title,
                        text(
                            `${me.newestOnly.join(', ')}: such a storage goes back to its newest snapshot only, and the one that ` +
                                'keeps the present state would be newer. Use Snapshots, Rollback, which keeps no present state.',
                        ),
                    );
                    return;
                }
                me.ask({
                    url: `${me.guest}/status/current`,
                    waitMsgTarget: me,
                    success: (response) =>
                        me.askRollback(title, says, name, response.result.data.status === 'running'),
                });
            },

            askRollback: function (title, says, name, running) {
                const me = this;
                const memory = me.known[name].vmstate;
                const mayStart = caps()['VM.PowerMgmt'];
                let after = memory ? 'It goes on from its saved memory.' : '';
                if (running) {
                    after += ' It runs now and is stopped for this; what only its memory holds is lost.';
                    if (!memory && !mayStart) {
                        after += ' It stays off, because you may not start it.';
                    }
                }
                Ext.create('Flatsnap.Confirm', {
                    title,
                    does: title,
                    says: `${says}<br>First the present state is kept as a snapshot <b>undo_…</b>, to which <b>${text(
                        gettext('Undo rollback'),
                    )}</b> goes back; newer snapshots stay. ${text(after)}`,
                    fields: memory
                        ? undefined
                        : [
                              {
                                  xtype: 'checkbox',
                                  name: 'start',
                                  boxLabel: gettext('Start it afterwards'),
                                  checked: running,
                                  hidden: !mayStart,
                                  disabled: !mayStart,
                              },
                          ],
                    go: (values, win) => me.rollBackTo(name, values.start, win),
                });
            },

            cloneGuest: function () {
                const me = this;
                const row = me.chosen()[0];
                const win = Ext.create('Flatsnap.Confirm', {
                    title: gettext('Clone'),
                    does: gettext('Clone'),
                    says: `A new guest is made with the disks and the configuration that ${text(
                        me.guestText(),
                    )} had in ${me.named(row)}. On storages of type flatsnap neither depends on the other: both can be changed and deleted.`,
                    fields: [
                        {
                            xtype: 'numberfield',
                            name: 'newid',
                            fieldLabel: gettext('New ID'),
                            minValue: 100,
                            maxValue: 999999999,
                            allowDecimals: false,
                            allowBlank: false,
                        },
                        {
                            xtype: 'textfield',
                            name: 'name',
                            fieldLabel: me.type === 'lxc' ? gettext('Hostname') : gettext('Name'),
                            regex: /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
                            regexText: gettext('Letters, digits, dots and hyphens, as in host names'),
                        },
                        {
                            xtype: 'checkbox',
                            name: 'full',
                            fieldLabel: gettext('Full copy'),
                            boxLabel: gettext('copy every byte; without it blocks are shared and it takes a moment'),
                        },
                    ],
                    go: function (values, window) {
                        const params = { newid: values.newid, snapname: row.name, full: values.full ? 1 : 0 };
                        if (values.name) {
                            params[me.type === 'lxc' ? 'hostname' : 'name'] = values.name;
                        }
                        me.task('POST', '/clone', params, window);
                    },
                });
                me.ask({
                    url: '/cluster/nextid',
                    success: function (response) {
                        const field = win.destroyed ? undefined : win.down('[name=newid]');
                        if (field && !field.getValue()) {
                            field.setValue(response.result.data);
                        }
                    },
                });
            },

            // PUT or DELETE at flatsnap's own part of the API.
            change: function (method, row, params, win) {
                const me = this;
                me.ask({
                    url: `${me.base}/snapshot/${encodeURIComponent(row.id)}`,
                    method,
                    params,
                    waitMsgTarget: win || me,
                    success: function () {
                        if (win) {
                            win.close();
                        }
                        me.reload();
                    },
                });
            },

            relabel: function () {
                const me = this;
                const row = me.chosen()[0];
                Ext.create('Flatsnap.Confirm', {
                    title: gettext('Edit'),
                    does: gettext('OK'),
                    says: `Tags and description by which ${me.named(row)} is found.`,
                    fields: [
                        {
                            xtype: 'textfield',
                            name: 'tags',
                            fieldLabel: gettext('Tags'),
                            value: row.tags.join(' '),
                            emptyText: gettext('words, with spaces between'),
                        },
                        {
                            xtype: 'textarea',
                            name: 'description',
                            fieldLabel: gettext('Description'),
                            value: row.description,
                            maxLength: 4096,
                        },
                    ],
                    go: function (values, win) {
                        const tags = values.tags.split(/[\s,;]+/).filter((tag) => tag);
                        const params = { description: values.description };
                        const added = tags.filter((tag) => !row.tags.includes(tag));
                        const removed = row.tags.filter((tag) => !tags.includes(tag));
                        if (added.length) {
                            params['add-tags'] = added.join(',');
                        }
                        if (removed.length) {
                            params['remove-tags'] = removed.join(',');
                        }
                        me.change('PUT', row, params, win);
                    },
                });
            },

            hold: function () {
                const me = this;
                const row = me.chosen()[0];
                const title = row.held ? gettext('Release') : gettext('Hold');
                Ext.create('Flatsnap.Confirm', {
                    title,
                    does: title,
                    says: row.held
                        ? `${me.named(row)} can be deleted again, by people and by policies.`
                        : `${me.named(row)} stays until it is released: neither people nor policies can delete it, nor does it expire.`,
                    go: (values, win) => me.change('PUT', row, { held: row.held ? 0 : 1 }, win),
                });
            },

            destroySnapshot: function () {
                const me = this;
                const row = me.chosen()[0];
                const known = me.knownAs(row);
                const frees = Number.isFinite(row.exclusive) ? ` and frees ${text(size(row.exclusive))}` : '';
                Ext.create('Flatsnap.Confirm', {
                    title: gettext('Delete'),
                    does: gettext('Delete'),
                    says: `${me.named(row)} is deleted for good${frees}. The guest and its other snapshots do not change.${
                        known ? ' It is gone from Snapshots, too.' : ''
                    }`,
                    go: function (values, win) {
                        if (known) {
                            me.task('DELETE', `/snapshot/${encodeURIComponent(row.name)}`, undefined, win);
                        } else {
                            me.change('DELETE', row, undefined, win);
                        }
                    },
                });
            },

            // --- one in detail, or two side by side

            details: function () {
                const me = this;
                const rows = me.chosen();
                const two = rows.length === 2;
                const lines = [];
                const line = (what, of) => lines.push([what].concat(rows.map(of)));
                line(gettext('Time'), (row) => time(row.takenAt));
                line(gettext('Size'), (row) => size(row.size));
                line(gettext('Exclusive'), (row) => size(row.exclusive) || gettext('not measured'));
                line(gettext('Consistency'), (row) => row.consistency + (row.torn ? ', torn between disks' : ''));
                const names = new Set();
                rows.forEach((row) => row.disks.forEach((disk) => names.add(disk.name)));
                Array.from(names)
                    .sort()
                    .forEach((name) =>
                        line(`${gettext('Disk')} ${name}`, function (row) {
                            const disk = row.disks.find((one) => one.name === name);
                            return disk ? size(disk.bytes) : gettext('not in it');
                        }),
                    );
                line(gettext('Tags'), (row) => row.tags.join(', '));
                line(gettext('Held'), (row) => (row.held ? gettext('Yes') : gettext('No')));
                line(gettext('Description'), (row) => row.description || '');
                line('Proxmox VE', (row) => me.about(row));
                line('ID', (row) => row.id);

                const cell = (value, meta, record) => {
                    if (two && record.data.first !== record.data.second) {
                        meta.tdStyle = 'font-weight: bold';
                    }
                    return `<span style="white-space: pre-wrap; overflow-wrap: anywhere">${text(value)}</span>`;
                };
                const columns = [
                    { text: '', dataIndex: 'what', width: 150, renderer: (value) => text(value) },
                    { text: text(rows[0].name), dataIndex: 'first', flex: 1, renderer: cell },
                ];
                if (two) {
                    columns.push({ text: text(rows[1].name), dataIndex: 'second', flex: 1, renderer: cell });
                }
                const win = Ext.create('Ext.window.Window', {
                    title: two ? gettext('Compare') : gettext('Details'),
                    modal: true,
                    autoShow: true,
                    width: two ? 760 : 560,
                    layout: 'fit',
                    items: {
                        xtype: 'grid',
                        sortableColumns: false,
                        enableColumnHide: false,
                        disableSelection: true,
                        maxHeight: 480,
                        viewConfig: { trackOver: false },
                        store: { fields: ['what', 'first', 'second'], data: lines.map(([what, first, second]) => ({ what, first, second })) },
                        columns,
                        bbar: two ? [{ xtype: 'tbtext', itemId: 'between', text: '&nbsp;' }] : undefined,
                    },
                    buttons: [{ text: gettext('Close'), handler: () => win.close() }],
                });
                if (two) {
                    const apart = Proxmox.Utils.format_duration_human((rows[1].takenAt - rows[0].takenAt) / 1000);
                    const say = (more) => win.destroyed || win.down('#between').setHtml(text(`${apart} apart${more}`));
                    say('');
                    me.ask({
                        url: me.base + '/space',
                        params: { snapshots: rows.map((row) => row.id).join(',') },
                        failure: Ext.emptyFn,
                        success: (response) => say(`; deleting both would free ${size(response.result.data.freed)}`),
                    });
                }
            },

            // --- download

            download: function () {
                const me = this;
                const row = me.chosen()[0];
                const disks = row.disks.map((disk) => disk.name);
                Ext.create('Flatsnap.Confirm', {
                    title: gettext('Download'),
                    does: gettext('Download'),
                    says: `The complete raw image that a disk of ${text(me.guestText())} had in ${me.named(
                        row,
                    )}. It holds all data of that disk.`,
                    fields: [
                        {
                            xtype: 'combobox',
                            name: 'disk',
                            fieldLabel: gettext('Disk'),
                            editable: false,
                            queryMode: 'local',
                            allowBlank: false,
                            value: disks[0],
                            store: row.disks.map((disk) => [disk.name, `${disk.name} (${size(disk.bytes)})`]),
                        },
                    ],
                    go: function (values, win) {
                        win.close();
                        me.fetchImage(row, row.disks.find((disk) => disk.name === values.disk));
                    },
                });
            },

            // A browser that lets a page write a file shows here how far it is and whether all of it came: the answer has no
            // length, so the browser's own list of downloads could tell neither.
            fetchImage: async function (row, disk) {
                const me = this;
                const base = me.baseOf(me.volumes[disk.name] || me.storage);
                const url = `/api2/json${base}/snapshot/${encodeURIComponent(row.id)}/disk/${encodeURIComponent(disk.name)}`;
                const fileName = `${disk.name}-${row.name}.raw`.replace(/[^\w.-]/g, '_');
                if (!window.showSaveFilePicker) {
                    Proxmox.Utils.downloadAsFile(url, fileName);
                    return;
                }
                let file;
                try {
                    file = await window.showSaveFilePicker({ suggestedName: fileName });
                } catch (cancelled) {
                    return;
                }
                const stop = new AbortController();
                const bar = Ext.create('Ext.ProgressBar', { margin: 10 });
                const win = Ext.create('Ext.window.Window', {
                    title: text(`${gettext('Download')}: ${fileName}`),
                    modal: true,
                    autoShow: true,
                    width: 420,
                    items: [bar],
                    buttons: [{ text: gettext('Cancel'), handler: () => win.close() }],
                    listeners: { destroy: () => stop.abort() },
                });
                let out;
                try {
                    out = await file.createWritable();
                    const answer = await fetch(url, { signal: stop.signal, credentials: 'same-origin' });
                    if (!answer.ok) {
                        throw new Error(answer.statusText || `status ${answer.status}`);
                    }
                    const reader = answer.body.getReader();
                    let bytes = 0;
                    let shown = 0;
                    for (;;) {
                        const { done, value } = await reader.read();
                        if (done) {
                            break;
                        }
                        await out.write(value);
                        bytes += value.length;
                        if (Date.now() - shown > 200) {
                            shown = Date.now();
                            bar.updateProgress(bytes / disk.bytes, `${size(bytes)} of ${size(disk.bytes)}`);
                        }
                    }
                    if (bytes !== disk.bytes) {
                        throw new Error(`it ended after ${bytes} of ${disk.bytes} bytes; see the task's log, then try again`);
                    }
                    await out.close();
                    bar.updateProgress(1, `${gettext('Done')}: ${size(bytes)}`);
                    win.down('button').setText(gettext('Close'));
                } catch (error) {
                    if (out) {
                        // Without close() the file is not replaced by half an image.
                        await out.abort().catch(Ext.emptyFn);
                    }
                    if (!stop.signal.aborted) {
                        win.close();
                        Ext.Msg.alert(gettext('Error'), text(`Cannot download ${fileName}: ${error.message}`));
                    }
                }
            },
        });

        const offered = function (type) {
            const may = caps();
            if (!may['VM.Audit']) {
                return false;
            }
            // Where there is no such storage the tab would be in the way.
            const store = PVE.data && PVE.data.ResourceStore;
            return !store || store.findExact('plugintype', TYPE) >= 0;
        };

        const add = function (panel) {
            const guest = [
                ['PVE.qemu.Config', 'qemu'],
                ['PVE.lxc.Config', 'lxc'],
            ].find(([name]) => panel instanceof Ext.ClassManager.get(name));
            if (!guest || !Array.isArray(panel.items) || panel.pveSelNode.data.template || !offered()) {
                return;
            }
            const after = panel.items.findIndex((item) => item.itemId === 'snapshot');
            panel.items.splice(after < 0 ? panel.items.length : after + 1, 0, {
                xtype: 'flatsnapView',
                itemId: TYPE,
                title: gettext('Flat snapshots'),
                iconCls: 'fa fa-clone',
                type: guest[1],
            });
        };

        // Both kinds of guests list their tabs in `items` and let this class lay them out.
        Ext.override(PVE.panel.Config, {
            initComponent: function () {
                attempt('the tab Flat snapshots', () => add(this));
                this.callParent();
            },
        });
    });
})();
