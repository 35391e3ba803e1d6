// The setup wizard: each step is one or two requests of the API; what is there decides which step is next.
(() => {
  const page = document.getElementById('wizard');
  const $ = (selector, within = page) => within.querySelector(selector);
  const $$ = (selector, within = page) => [...within.querySelectorAll(selector)];
  const siteId = page.dataset.site;
  const to = (step, id = siteId) => location.assign(`/setup/wizard?site=${id}&step=${step}`);
  const upper = (text) => text.replace(/^./, (first) => first.toUpperCase());
  const line = (tag, text) => { const made = document.createElement(tag); made.textContent = text; return made; };

  // What was refused: every fault's sentence, the focus in the first field that has one.
  const told = (form, answer, fieldOf = (name) => form.elements[name]) => {
    const faults = answer.body.faults || [];
    const named = (fault) => { const name = fieldOf(fault.field)?.labels?.[0]?.querySelector('span')?.textContent; return name ? `${name}: ${fault.message}` : upper(fault.message); };
    $('[data-error]', form).textContent = faults.length ? faults.map(named).join(' ') : answer.body.detail;
    const fields = faults.map((fault) => fieldOf(fault.field)).filter((field) => field?.focus);
    for (const field of fields) field.setAttribute('aria-invalid', 'true');
    fields[0]?.focus();
  };
  const untold = (form) => {
    $('[data-error]', form).textContent = '';
    $$('[aria-invalid]', form).forEach((field) => field.removeAttribute('aria-invalid'));
  };
  const busy = async (form, work) => {
    const button = $('[type=submit]', form);
    button.disabled = true;
    try { return await work(); } finally { button.disabled = false; }
  };

  const site = (form) => {
    const zone = $('[data-own-zone]', form);
    if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || '';
    const kind = () => form.elements.target.value;
    const show = () => {
      $$('[data-for]', form).forEach((part) => { part.hidden = !part.dataset.for.split(' ').includes(kind()); });
      $('[data-secret-name]', form).textContent = kind() === 'webhook' ? 'Secret' : 'Application password';
    };
    $$('[name=target]', form).forEach((one) => one.addEventListener('change', show));
    show();
    const bodyOf = () => {
      const body = { name: form.elements.name.value, timezone: form.elements.timezone.value, target: kind() };
      if (kind() === 'folder') return body;
      for (const name of kind() === 'site' ? ['url', 'username', 'credentials'] : ['url', 'credentials']) body[name] = form.elements[name].value.trim();
      return body;
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      untold(form);
      busy(form, async () => {
        const id = form.dataset.id;
        const answer = id ? await window.ask('PATCH', `/api/v1/sites/${id}`, bodyOf()) : await window.ask('POST', '/api/v1/sites', bodyOf());
        if (!answer.ok) { told(form, answer); return; }
        form.dataset.id = answer.body.id;
        if (kind() === 'folder') { to('keywords', answer.body.id); return; }
        const test = await window.ask('POST', `/api/v1/sites/${answer.body.id}/test`);
        if (test.ok && test.body.status !== 'failing') { to('keywords', answer.body.id); return; }
        $('[data-test]', form).hidden = false;
        $('[data-test-said]', form).textContent = test.body.error || test.body.detail;
        $('[data-act-word]', form).textContent = 'Save and test again';
        const skip = $('[data-skip]', form);
        skip.textContent = 'Go on all the same';
        skip.href = `/setup/wizard?site=${answer.body.id}&step=keywords`;
        // The button can be pressed again, and take the focus, once this is over.
        setTimeout(() => $('[type=submit]', form).focus());
      });
    });
  };

  const keywords = (card) => {
    const form = $('form', card);
    const said = $('.drop-report', card);
    const tell = (...parts) => { said.replaceChildren(...parts); said.hidden = false; };
    const bring = async (name, body) => {
      tell(line('p', `Reading ${name} …`));
      const answer = await window.ask('POST', `/api/v1/sites/${siteId}/keywords/import`, body);
      if (!answer.ok) { tell(line('h3', 'Nothing was added'), line('p', answer.body.detail)); return false; }
      const { imported, duplicates, rejected, warnings } = answer.body;
      const parts = [line('h3', imported === 1 ? '1 keyword added' : `${imported.toLocaleString('en-US')} keywords added`)];
      if (duplicates) parts.push(line('p', `${duplicates.toLocaleString('en-US')} were there already or stood there twice.`));
      warnings.forEach((warning) => parts.push(line('p', warning)));
      rejected.slice(0, 20).forEach((row) => parts.push(line('p', `Line ${row.line}: ${row.reason}`)));
      if (rejected.length > 20) parts.push(line('p', `${rejected.length - 20} more rows were not used.`));
      tell(...parts);
      const on = $('[data-on]', card);
      on.hidden = false;
      on.classList.replace('btn-ghost', 'btn-primary');
      on.focus();
      return true;
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const field = form.elements.text;
      if (!field.value.trim()) { tell(line('p', 'Type at least one keyword, or choose a file.')); field.focus(); return; }
      busy(form, async () => { if (await bring('what you typed', new Blob([`${field.value}\n`], { type: 'text/plain' }))) field.value = ''; });
    });
    $('button[data-example]', card).addEventListener('click', () => {
      form.elements.text.value = form.elements.text.dataset.example;
      form.elements.text.focus();
    });
    $('[type=file]', card).addEventListener('change', (event) => {
      const [file] = event.target.files;
      if (file) bring(file.name, file);
      event.target.value = '';
    });
    ['dragenter', 'dragover'].forEach((kind) => card.addEventListener(kind, (event) => { event.preventDefault(); card.classList.add('over'); }));
    ['dragleave', 'drop'].forEach((kind) => card.addEventListener(kind, () => card.classList.remove('over')));
    card.addEventListener('drop', (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) bring(file.name, file);
    });
  };

  const plan = (form) => {
    const shares = $$('[name^=budget_]', form);
    const times = () => form.elements.times.value.split(/[,;\s]+/).filter(Boolean);
    const days = () => $$('[name=days]:checked', form).map((day) => day.value);
    const count = () => {
      const total = shares.reduce((sum, field) => sum + (Number(field.value) || 0), 0);
      const out = $('[data-total]', form);
      out.textContent = total > 100 ? `${total}%, take ${total - 100}% off` : `${total}% of a run’s credits may be spent`;
      out.classList.toggle('over-budget', total > 100);
      const weekly = new Set(times()).size * days().length;
      $('[data-capacity]', form).textContent = weekly ? `${weekly} articles a week` : 'no article is published';
      const frequency = form.elements.frequency.value;
      $('[data-weekly]', form).hidden = frequency !== 'weekly';
      $('[data-hourly]', form).hidden = frequency !== 'hourly';
      $('[data-at]', form).hidden = frequency === 'hourly';
    };
    form.addEventListener('input', count);
    count();
    const time = () => form.elements.frequency.value === 'hourly' ? `00:${form.elements.minute.value.trim().padStart(2, '0')}` : form.elements.time.value.trim();
    const fieldOf = (name) => ({
      'automation.time': form.elements.frequency.value === 'hourly' ? form.elements.minute : form.elements.time, 'publishing.time_slots': form.elements.times,
    })[name] || shares.find((field) => name === `stages.${field.name.split('_')[1]}.budget_pct` || name === 'stages');
    const laid = (document) => {
      Object.assign(document.automation, { enabled: form.elements.enabled.checked, frequency: form.elements.frequency.value, weekday: form.elements.weekday.value, time: time() });
      Object.assign(document.publishing, { publish_days: days(), time_slots: times(), auto_approval_enabled: form.elements.auto_approval.checked, auto_publish_enabled: form.elements.auto_publish.checked });
      const waits = Number(form.elements.pace.value);
      if (!waits) Object.assign(document.delays, { within_stage: 0, between_stage: 0 });
      else if (!document.delays.within_stage) Object.assign(document.delays, { within_stage: waits, between_stage: 5 });
      const limits = JSON.parse($('[name=preset]:checked', form)?.dataset.limits || '{}');
      for (const row of document.stages) {
        if (row.number in limits) row.per_run_limit = limits[row.number];
        const share = form.elements[`budget_${row.number}`];
        if (share) row.budget_pct = share.value === '' ? null : Number(share.value);
      }
      return document;
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      untold(form);
      busy(form, async () => {
        const read = await window.ask('GET', form.dataset.url);
        if (!read.ok) { told(form, read); return; }
        const answer = await window.ask('PUT', form.dataset.url, laid(read.body), { 'If-Match': read.headers.get('ETag') });
        if (answer.ok) { to('run'); return; }
        if (shares.some((field) => field.matches(':invalid')) || answer.body.faults?.some((fault) => /^stages/.test(fault.field))) $('details', form).open = true;
        told(form, answer, fieldOf);
      });
    });
  };

  // A live run: the stream says that it is further, the step is read again and put in the place of what is there.
  const run = (box) => {
    if (!box.dataset.live) return;
    let waits = 0;
    const read = async () => {
      const answer = await fetch(location.href, { credentials: 'same-origin' });
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const there = fresh.getElementById('wizard-run');
      if (!there || !there.dataset.live) { location.assign(page.dataset.here); return; }
      box.replaceChildren(...there.childNodes);
    };
    let spoken = '';
    const stream = new EventSource(`/api/v1/runs/${box.dataset.live}/events`);
    stream.addEventListener('run', (event) => {
      const status = JSON.parse(event.data);
      const last = status.stages.filter((stage) => stage.status !== 'pending').at(-1);
      const words = last ? `Stage ${last.number} ${last.status.replaceAll('_', ' ')}` : '';
      if (words !== spoken) { spoken = words; document.getElementById('say').textContent = words; }
      if (!['queued', 'running', 'paused', 'cancelling'].includes(status.status)) { stream.close(); location.assign(page.dataset.here); return; }
      clearTimeout(waits);
      waits = setTimeout(read, 150);
    });
  };

  // Its slot comes in a moment: look again, not for ever.
  const article = (card) => {
    const looked = Number(sessionStorage.getItem('igny8_looked') || 0);
    if (card.dataset.waits === undefined || looked > 20) { sessionStorage.removeItem('igny8_looked'); return; }
    sessionStorage.setItem('igny8_looked', looked + 1);
    setTimeout(() => location.reload(), 2000);
  };

  ({ site, keywords, plan, run, article })[page.dataset.step](document.getElementById(`wizard-${page.dataset.step}`));
})();
