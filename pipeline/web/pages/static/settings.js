// The settings form: live rules, unsaved changes, what a schedule change moves, and one PUT. The server checks it all again.
(() => {
  const form = document.getElementById('settings');
  const $ = (selector, within = form) => within.querySelector(selector);
  const $$ = (selector, within = form) => [...within.querySelectorAll(selector)];
  const WITH_AI = [1, 2, 4, 5, 6];
  const TIME = /^([01]?\d|2[0-3]):[0-5]\d$/;
  const COLUMNS = { enabled: 'enable', batch_size: 'batch size', per_run_limit: 'per-run limit', use_testing: 'AI model', budget_pct: 'budget', concurrency: 'lanes' };
  const NAMES = {
    'automation.enabled': 'Scheduled runs', 'automation.frequency': 'Frequency', 'automation.weekday': 'Weekday', 'automation.time': 'Time',
    'automation.overlap': 'Overlap', 'automation.jitter_minutes': 'Jitter', 'automation.pause_after_failures': 'Pause after failures',
    'publishing.auto_approval_enabled': 'Auto-approve', 'publishing.auto_publish_enabled': 'Auto-publish', 'publishing.publish_days': 'Publish days',
    'publishing.time_slots': 'Time slots', 'publishing.skip_dates': 'Days without publishing', 'delays.between_stage': 'Delay between stages',
    'delays.within_stage': 'Delay within a stage',
  };
  const MOVING = ['publishing.publish_days', 'publishing.time_slots', 'publishing.skip_dates'];
  let etag = form.dataset.etag;

  // What stands in the form, and what stood there when it was read, as texts by dotted name.
  const lists = () => Object.fromEntries($$('[data-list]').map((box) => [box.dataset.list, box]));
  const listed = (box) => box.classList.contains('days')
    ? $$('input:checked', box).map((field) => field.value)
    : $$('input', box).map((field) => field.value.trim());
  const fields = () => $$('[name][data-kind]');
  const textOf = (field) => field.dataset.kind === 'bool' ? String(field.checked) : field.value.trim();
  const plain = (field, text) => ({ bool: text === 'True' ? 'true' : 'false', model: text === 'True' ? 'testing' : 'live' }[field.dataset.kind] ?? text);
  const now = () => ({
    ...Object.fromEntries(fields().map((field) => [field.name, textOf(field)])),
    ...Object.fromEntries(Object.entries(lists()).map(([name, box]) => [name, listed(box).join(', ')])),
  });
  const stored = (which) => ({
    ...Object.fromEntries(fields().map((field) => [field.name, plain(field, field.dataset[which])])),
    ...Object.fromEntries(Object.entries(lists()).map(([name, box]) => [name, box.dataset[which]])),
  });
  let was = stored('was');

  const called = (name) => {
    const stage = name.match(/^stages\.(\d)\.(.+)/);
    if (stage) return `Stage ${stage[1]} ${COLUMNS[stage[2]]}`;
    return NAMES[name] || name.split('.').pop().replaceAll('_', ' ').replace(/^./, (first) => first.toUpperCase());
  };
  const shown = (name, text) => {
    if (text === 'true') return 'On';
    if (text === 'false') return 'Off';
    if (text === '') return 'Nothing';
    if (name.endsWith('.per_run_limit') && text === '0') return '0 (all)';
    return name.endsWith('.budget_pct') ? `${text}%` : text;
  };

  // Put a value into the form.
  const put = (name, text) => {
    const box = lists()[name];
    if (box?.classList.contains('days')) { const days = text.split(', '); $$('input', box).forEach((field) => { field.checked = days.includes(field.value); }); return; }
    if (box) { $$('.slot-edit', box).forEach((slot) => slot.remove()); text.split(', ').filter(Boolean).forEach((time) => addSlot(time)); return; }
    const field = form.elements[name];
    if (field.dataset.kind === 'bool') { field.checked = text === 'true'; mirror(field); } else field.value = text;
  };
  const addSlot = (time) => {
    const slot = document.createElement('span');
    slot.className = 'slot-edit';
    slot.innerHTML = `<input class="num" type="text" inputmode="numeric" maxlength="5"><button type="button" data-slot-remove>${window.icon('x')}</button>`;
    const [field, button] = slot.children;
    field.value = time;
    field.setAttribute('aria-label', 'Time slot');
    button.setAttribute('aria-label', `Remove slot ${time}`);
    $('[data-slot-add]').before(slot);
    return field;
  };
  const mirror = (field) => { const twin = $(`[data-mirror="${field.name}"]`); if (twin) twin.checked = field.checked; };

  // The document that is sent.
  const value = (field) => {
    const text = textOf(field);
    switch (field.dataset.kind) {
      case 'bool': return field.checked;
      case 'model': return text === 'testing';
      case 'int': return text === '' ? null : Number(text);
      case 'open': return text || null;
      case 'open-int': case 'open-number': return text === '' ? null : Number.isNaN(Number(text)) ? text : Number(text);
      case 'list': return text.split(/[,\s]+/).filter(Boolean);
      default: return text;
    }
  };
  const documentOf = () => {
    const sent = { stages: $$('tr[data-stage]').map((row) => ({ number: Number(row.dataset.stage), batch_size: null, use_testing: null, budget_pct: null })) };
    for (const field of fields()) {
      const [group, ...rest] = field.name.split('.');
      if (group === 'stages') sent.stages[Number(rest[0]) - 1][rest[1]] = value(field);
      else (sent[group] ??= {})[rest.join('.')] = value(field);
    }
    for (const [name, box] of Object.entries(lists())) {
      const [group, key] = name.split('.');
      (sent[group] ??= {})[key] = listed(box);
    }
    return sent;
  };

  const budget = () => {
    let total = 0;
    for (const number of WITH_AI) {
      const share = Math.max(0, Number(form.elements[`stages.${number}.budget_pct`].value) || 0);
      const segment = $(`[data-seg="${number}"]`);
      const from = Math.min(100, total);
      segment.setAttribute('x', from);
      segment.setAttribute('width', Math.max(0, Math.min(share, 100 - from) - (share ? 0.35 : 0)));
      if (form.dataset.credits) $(`[data-credits-of="${number}"]`).textContent = `${Math.floor(form.dataset.credits * share / 100).toLocaleString('en-US')} credits`;
      $(`[data-key="${number}"] b`).textContent = `${share}%`;
      total += share;
    }
    const over = total > 100;
    $('.budget').dataset.budget = over ? 'over' : 'ok';
    $('#budget-total').innerHTML = `Total: <b class="num">${total}%</b> ${window.icon(over ? 'x' : 'check')}`;
    $('#budget-msg').textContent = over ? `The total is ${total}%. Take ${total - 100}% off any stage to save.` : '';
    const shares = WITH_AI.map((number) => form.elements[`stages.${number}.budget_pct`]);
    const touched = shares.filter((field) => field.value !== field.dataset.was);
    for (const field of shares) mark(field, over && (touched.includes(field) || !touched.length));
    return over ? `Budget is ${total}%. It must be 100% or less.` : '';
  };
  const mark = (field, wrong) => { if (wrong) field.setAttribute('aria-invalid', 'true'); else field.removeAttribute('aria-invalid'); };

  // An hourly run has a minute; it is kept as that of the time.
  const minute = () => {
    const [field, time] = [$('[data-minute]'), form.elements['automation.time']];
    if (form.elements['automation.frequency'].value !== 'hourly') { mark(field, false); return ''; }
    if (field !== document.activeElement) field.value = Number(time.value.split(':')[1]) || 0;
    const isOne = /^[0-5]?\d$/.test(field.value.trim());
    mark(field, !isOne);
    if (!isOne) return 'Use a minute from 0 to 59.';
    time.value = `${TIME.test(time.value.trim()) ? time.value.trim().split(':')[0] : '00'}:${field.value.trim().padStart(2, '0')}`;
    return '';
  };

  const schedule = () => {
    const seen = new Set();
    let wrong = '';
    for (const field of $$('.slot-edit input')) {
      const time = field.value.trim().padStart(5, '0');
      const isTime = TIME.test(field.value.trim());
      field.parentElement.toggleAttribute('data-bad', !isTime || seen.has(time));
      if (!isTime) wrong = `“${field.value}” is not a time. Write it as HH:MM, like 09:00.`;
      else if (seen.has(time)) wrong ||= `${time} is there twice. Change or remove one.`;
      if (isTime) seen.add(time);
    }
    $('#slot-msg').textContent = wrong;
    const days = listed(lists()['publishing.publish_days']).length;
    const weekly = seen.size * days;
    $('[data-cap=daily]').textContent = days ? seen.size : 0;
    $('[data-cap=weekly]').textContent = weekly;
    $('[data-cap=monthly]').textContent = `~${Math.floor((weekly * 43 + 5) / 10)}`;
    return wrong;
  };

  const preset = () => {
    const limits = (of) => Object.entries(JSON.parse(of.dataset.limits));
    const found = $$('[name=preset][data-limits]').find((of) => limits(of).every(([number, limit]) => Number(form.elements[`stages.${number}.per_run_limit`].value) === limit));
    (found || $('[name=preset][value=custom]')).checked = true;
  };

  const update = () => {
    const wrong = [budget(), minute(), schedule()].find(Boolean) || '';
    $$('tr[data-stage]').forEach((row) => row.toggleAttribute('data-off', !form.elements[`stages.${row.dataset.stage}.enabled`].checked));
    $$('.model').forEach((model) => { model.dataset.model = $('select', model).value; });
    const frequency = form.elements['automation.frequency'].value;
    $$('[data-when]').forEach((part) => { part.hidden = part.dataset.when !== frequency; });
    $('[data-when-not]').hidden = frequency === $('[data-when-not]').dataset.whenNot;
    const is = now();
    const changed = Object.keys(is).filter((name) => is[name] !== was[name]);
    const bar = $('.unsaved');
    bar.hidden = !changed.length;
    bar.toggleAttribute('data-bad', Boolean(wrong));
    $('[data-unsaved-n]').textContent = `${changed.length} unsaved ${changed.length === 1 ? 'change' : 'changes'}`;
    $('[data-unsaved-what]').textContent = wrong || changed.slice(0, 3).map(called).join(', ') + (changed.length > 3 ? ` and ${changed.length - 3} more` : '');
    const moving = changed.some((name) => MOVING.includes(name));
    preview(moving && !wrong);
    return { changed, wrong, moving };
  };

  // What a schedule change would move, asked of the server once typing rests, or before it is saved.
  let asked = 0;
  let timer = 0;
  let seen = '';
  const scheduled = () => JSON.stringify(MOVING.map((name) => now()[name]));
  const preview = (wanted) => {
    clearTimeout(timer);
    if (!wanted) { asked += 1; seen = ''; $('[data-moves]').hidden = true; return; }
    if (seen !== scheduled()) timer = setTimeout(look, 350);
  };
  const look = async () => {
    clearTimeout(timer);
    const mine = ++asked;
    const about = scheduled();
    const answer = await window.ask('POST', `${form.dataset.url}preview`, documentOf());
    if (mine !== asked || !answer.ok) return;
    const moves = answer.body.moves;
    seen = about;
    $('[data-moves]').hidden = !moves.length;
    $('[data-moves-head]').textContent = `Saving this moves ${moves.length} scheduled ${moves.length === 1 ? 'article' : 'articles'}`;
    $('[data-moves-list]').replaceChildren(...moves.slice(0, 5).map((move) => {
      const line = document.createElement('li');
      line.innerHTML = '<span class="moves-t"></span><span class="num"><s></s> <b></b></span>';
      $('.moves-t', line).textContent = move.title;
      $('s', line).textContent = local(move.was_at);
      $('b', line).textContent = `→ ${local(move.now_at)}`;
      return line;
    }));
  };
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: form.dataset.zone, weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  const local = (instant) => (instant ? clock.format(new Date(instant)) : 'no slot');

  // Faults of the server: each beside its field, and a list on top.
  const tell = (body) => {
    const faults = body.faults?.length ? body.faults : [{ field: '', message: body.detail }];
    const notice = document.createElement('div');
    notice.className = 'notice notice-failed';
    notice.innerHTML = `<div class="notice-ic">${window.icon('alert')}</div><div class="notice-in"><h3>Nothing was saved</h3><ul></ul></div>`;
    $('ul', notice).replaceChildren(...faults.map((fault) => {
      const line = document.createElement('li');
      line.textContent = fault.field ? `${called(fault.field)}: ${fault.message}` : fault.message;
      return line;
    }));
    $('#errors').replaceChildren(notice);
    const named = faults.map((fault) => form.elements[fault.field] || $('input', lists()[fault.field.replace(/\.\d+$/, '')] || document.createElement('p'))).filter(Boolean);
    named.forEach((field) => { mark(field, true); field.closest('details')?.setAttribute('open', ''); });
    (named[0] || notice).focus();
    notice.scrollIntoView({ block: 'nearest' });
  };

  const save = async () => {
    const { changed, wrong, moving } = update();
    if (wrong) { ($('[aria-invalid=true]') || $('[data-bad] input'))?.focus(); return; }
    if (!changed.length) { window.toast('Nothing to save.'); return; }
    $('#errors').replaceChildren();
    // Nobody moves articles without having seen which.
    if (moving && seen !== scheduled()) {
      await look();
      if (!$('[data-moves]').hidden) { $('[name=schedule_change]:checked').focus(); return; }
    }
    const follow = $('[name=schedule_change]:checked').value;
    const buttons = $$('[type=submit]');
    buttons.forEach((button) => { button.disabled = true; });
    const answer = await window.ask('PUT', `${form.dataset.url}?schedule_change=${follow}`, documentOf(), { 'If-Match': etag });
    buttons.forEach((button) => { button.disabled = false; });
    if (answer.status === 412) { await stale(); return; }
    if (!answer.ok) { tell(answer.body); return; }
    etag = answer.headers.get('ETag');
    kept(answer.body);
    $('[data-saved]').textContent = 'Saved just now';
    const moved = Number(answer.headers.get('X-Moved-Items'));
    window.toast(moved ? `Saved. ${moved} scheduled ${moved === 1 ? 'article' : 'articles'} moved.` : 'Saved. The next run uses these settings.');
  };

  // What the server has now: texts by dotted name, as the form has them.
  const told = (body) => {
    const found = {};
    const text = (field, one) => one === null || one === undefined ? '' : field?.dataset.kind === 'model' ? (one ? 'testing' : 'live') : Array.isArray(one) ? one.join(', ') : String(one);
    for (const [group, values] of Object.entries(body)) {
      if (group === 'stages') values.forEach((row) => Object.entries(row).forEach(([column, one]) => { const name = `stages.${row.number}.${column}`; if (form.elements[name]) found[name] = text(form.elements[name], one); }));
      else Object.entries(values).forEach(([key, one]) => { const name = `${group}.${key}`; if (form.elements[name] || lists()[name]) found[name] = text(form.elements[name], one); });
    }
    return found;
  };
  const kept = (body) => {
    const found = told(body);
    Object.entries(found).forEach(([name, text]) => put(name, text));
    was = { ...was, ...found };
    update();
  };

  // Somebody saved meanwhile: one line a difference, theirs or yours.
  const stale = async () => {
    const answer = await window.ask('GET', form.dataset.url);
    if (!answer.ok) { tell(answer.body); return; }
    const [theirs, mine] = [told(answer.body), now()];
    const differing = Object.keys(theirs).filter((name) => theirs[name] !== mine[name]);
    const dialog = document.getElementById('dlg-stale');
    $('[data-stale-rows]', dialog).replaceChildren(...differing.map((name, place) => {
      const line = document.createElement('tr');
      line.innerHTML = `<th scope="row"></th>${['theirs', 'mine'].map((whose) => `<td><label><input class="form-check-input" type="radio" name="pick-${place}" value="${whose}"><span class="num"></span></label></td>`).join('')}`;
      $('th', line).textContent = called(name);
      const [left, right] = line.querySelectorAll('label span');
      left.textContent = shown(name, theirs[name]);
      right.textContent = shown(name, mine[name]);
      line.dataset.name = name;
      $(`[value=${mine[name] === was[name] ? 'theirs' : 'mine'}]`, line).checked = true;
      return line;
    }));
    dialog.onclose = () => {
      if (dialog.returnValue !== 'yes') return;
      $$('tr[data-name]', dialog).forEach((line) => { if ($('input:checked', line).value === 'theirs') put(line.dataset.name, theirs[line.dataset.name]); });
      etag = answer.headers.get('ETag');
      was = { ...was, ...theirs };
      update();
      save();
    };
    dialog.returnValue = 'no';
    dialog.showModal();
  };

  const reset = () => {
    const [is, defaults] = [now(), stored('default')];
    const differing = Object.keys(is).filter((name) => is[name] !== defaults[name]);
    if (!differing.length) { window.toast('Everything is at its default.'); return; }
    const dialog = document.getElementById('dlg-reset');
    $('[data-reset-head]', dialog).textContent = `${differing.length === 1 ? 'This value changes' : `These ${differing.length} values change`}. Nothing is saved until you save.`;
    $('[data-reset-yes]', dialog).textContent = `Reset ${differing.length} ${differing.length === 1 ? 'value' : 'values'}`;
    $('[data-reset-rows]', dialog).replaceChildren(...differing.map((name) => {
      const line = document.createElement('tr');
      line.innerHTML = '<th scope="row"></th><td class="num"></td><td class="num"></td>';
      [called(name), shown(name, is[name]), shown(name, defaults[name])].forEach((text, place) => { line.children[place].textContent = text; });
      return line;
    }));
    dialog.onclose = () => {
      if (dialog.returnValue !== 'yes') return;
      differing.forEach((name) => put(name, defaults[name]));
      preset();
      update();
    };
    dialog.returnValue = 'no';
    dialog.showModal();
  };

  form.addEventListener('input', (event) => {
    const field = event.target;
    if (field.name === 'automation.frequency') $('[data-minute]').value = Number(form.elements['automation.time'].value.split(':')[1]) || 0;
    if (field.dataset.mirror) form.elements[field.dataset.mirror].checked = field.checked;
    else if (field.dataset.kind === 'bool') mirror(field);
    if (field.name === 'preset') {
      if (field.dataset.limits) Object.entries(JSON.parse(field.dataset.limits)).forEach(([number, limit]) => { form.elements[`stages.${number}.per_run_limit`].value = limit; });
    } else if (field.name?.endsWith('.per_run_limit')) preset();
    if (field.hasAttribute('aria-invalid')) mark(field, false);
    update();
  });
  form.addEventListener('click', (event) => {
    const remove = event.target.closest('[data-slot-remove]');
    if (remove) { remove.parentElement.remove(); $('[data-slot-add]').focus(); update(); }
    if (event.target.closest('[data-slot-add]')) { addSlot('20:00').select(); update(); }
    if (event.target.closest('[data-discard]')) { Object.entries(was).forEach(([name, text]) => put(name, text)); preset(); update(); window.toast('Changes discarded.'); }
    if (event.target.closest('[data-reset]')) reset();
  });
  form.addEventListener('submit', (event) => { event.preventDefault(); save(); });
  window.addEventListener('beforeunload', (event) => { if (update().changed.length) event.preventDefault(); });
  update();
})();
