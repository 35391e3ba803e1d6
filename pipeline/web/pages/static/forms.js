// Small forms that are one request: data-send="METHOD URL", fields by name, data-then is where it leads,
// data-show names what of the answer is shown once. An empty field that is not required is left out, or sent as null
// with data-null. A dot in a name makes a group; ticked boxes with data-into are a list, with data-if-any only where one
// is ticked.
(() => {
  const numbers = (field) => field.type === 'number' && field.value !== '';
  const value = (field) => {
    if (field.dataset.kind === 'maybe') return field.value === '' ? null : field.value === 'true';
    if (field.dataset.null !== undefined && field.value === '') return null;
    if (field.type === 'checkbox') return field.dataset.kind === 'on' && !field.checked ? null : field.checked;
    if (numbers(field)) return Number(field.value);
    return field.value;
  };
  const put = (body, name, found) => {
    const groups = name.split('.');
    const last = groups.pop();
    groups.reduce((at, group) => (at[group] ??= {}), body)[last] = found;
  };
  const isSent = (field, found) => found === null ? field.dataset.kind === 'maybe' || field.dataset.null !== undefined : found !== '' || field.required;
  const bodyOf = (form) => {
    const body = {};
    for (const field of form.elements) {
      if (field.dataset.into && (field.checked || !('ifAny' in field.dataset))) (body[field.dataset.into] ??= []).push(...(field.checked ? ['number' in field.dataset ? Number(field.value) : field.value] : []));
      if (!field.name) continue;
      const found = value(field);
      if (!isSent(field, found)) continue;
      put(body, field.name, field.dataset.list === undefined ? found : found.split(',').map((one) => one.trim()).filter(Boolean));
    }
    return body;
  };
  const again = (form, address) => {
    const dialog = form.closest('dialog');
    window.readAgain(dialog ? `[data-open="${dialog.id}"]` : `[data-send="${form.dataset.send}"] [type=submit]`, '[data-open], [type=submit]', address, dialog?.openedBy);
  };
  const showOnce = (form, secret) => {
    const told = document.createElement('div');
    told.className = 'stack';
    told.innerHTML = '<p>This is shown once. Keep it now.</p><p><code class="secret"></code></p><div class="dlg-act"><button class="btn btn-primary" type="button">I have it</button></div>';
    told.querySelector('code').textContent = form.dataset.showAs === 'address' ? new URL(secret, location.href).href : secret;
    told.querySelector('button').addEventListener('click', () => again(form));
    form.querySelectorAll('.stack, .dlg-act').forEach((part) => part.remove());
    form.append(told);
    told.querySelector('button').focus();
  };

  document.querySelectorAll('[data-own-zone]').forEach((field) => { field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone || ''; });

  // What stands in a form of the page and was not sent yet; a dialog is closed on purpose.
  const isDirty = (form) => !form.closest('dialog') && [...form.elements].some((field) => (field.type === 'checkbox' ? field.checked !== field.defaultChecked : 'defaultValue' in field && field.value !== field.defaultValue));
  const forms = [...document.querySelectorAll('form[data-send]')];
  const kept = (form) => { for (const field of form.elements) if ('defaultValue' in field) field.defaultValue = field.value; };
  window.addEventListener('beforeunload', (event) => { if (forms.some(isDirty)) event.preventDefault(); });

  // Somebody saved meanwhile: what was typed stays, and whoever sends it again has been told.
  const stale = (form, said, answer) => {
    form.dataset.etag = answer.headers.get('ETag') || form.dataset.etag;
    said.textContent = 'Somebody saved this meanwhile. What you typed is still here: look at theirs in another window, then save again to put yours over it. Theirs stays as a version.';
  };

  forms.forEach((form) => {
    if (form.matches('dialog form')) form.closest('dialog').addEventListener('close', () => { if (form.querySelector('.secret')) again(form); });
    const said = form.querySelector('[data-error]');
    form.querySelector('[data-close]')?.addEventListener('click', () => form.closest('dialog').close());
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      said.textContent = '';
      const [method, url] = form.dataset.send.split(' ');
      const button = form.querySelector('[type=submit]');
      button.disabled = true;
      const headers = form.dataset.etag ? { 'If-Match': form.dataset.etag } : {};
      const answer = await window.ask(method, url, bodyOf(form), headers);
      button.disabled = false;
      if (answer.ok && form.dataset.show) { showOnce(form, answer.body[form.dataset.show]); return; }
      if (answer.ok) {
        kept(form);
        if (forms.some(isDirty)) { window.toast('Saved. Another form of this page is not saved yet.'); return; }
        again(form, form.dataset.then.replace('{id}', answer.body.id ?? ''));
        return;
      }
      if (answer.status === 412) { stale(form, said, answer); return; }
      const fault = answer.body.faults?.find((one) => form.elements[one.field]);
      said.textContent = answer.body.detail;
      (fault ? form.elements[fault.field] : form.elements[0]).focus();
    });
  });
})();
