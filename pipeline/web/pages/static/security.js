// One-time codes: an app is set up, shows its first code, and the recovery codes are shown once.
(() => {
  const PATH = '/api/v1/me/second-factor';
  const box = document.querySelector('[data-factor]');
  const line = (tag, text, name = '') => { const made = document.createElement(tag); made.textContent = text; made.className = name; return made; };

  // A form that is sent by hand: its fields, its error, and what becomes of the answer.
  const sends = (form, url, done) => {
    const said = form.querySelector('[data-error]');
    form.querySelector('[data-close]')?.addEventListener('click', () => form.closest('dialog').close());
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      said.textContent = '';
      const fields = [...form.elements].filter((field) => field.name);
      const button = form.querySelector('[type=submit]');
      button.disabled = true;
      const answer = await window.ask('POST', url, Object.fromEntries(fields.map((field) => [field.name, field.value])));
      button.disabled = false;
      if (answer.ok) { done(answer.body); return; }
      said.textContent = answer.body.faults?.[0]?.message.replace(/^./, (first) => first.toUpperCase()) || answer.body.detail;
      const wrong = answer.body.faults?.map((fault) => form.elements[fault.field]).find(Boolean) || fields[0];
      wrong.select();
    });
  };

  const showCodes = (codes) => {
    const list = document.createElement('ol');
    list.className = 'codes';
    list.replaceChildren(...codes.map((code) => line('li', code, 'mono')));
    const keep = line('a', 'Save as a file', 'btn btn-ghost');
    keep.href = `data:text/plain;charset=utf-8,${encodeURIComponent(`IGNY8 Pipeline, recovery codes\n\n${codes.join('\n')}\n`)}`;
    keep.download = 'igny8-recovery-codes.txt';
    const done = line('button', 'I have kept them', 'btn btn-primary');
    done.type = 'button';
    done.addEventListener('click', () => location.reload());
    const acts = line('div', '', 'bunch');
    acts.append(done, keep);
    box.replaceChildren(line('h3', 'Your recovery codes'), line('p', 'Each opens once when your app is gone. They are shown this once: keep them where your phone is not.'), list, acts);
    done.focus();
  };

  const showApp = (made) => {
    const form = document.createElement('form');
    form.className = 'stack';
    form.noValidate = true;
    form.innerHTML = '<div class="app-setup"><img class="qr" width="196" height="196" alt="QR code for your app"><div class="stack"><ol class="steps"><li>Scan this with an app that shows one-time codes.</li><li>Or type this into it: <code class="secret mono"></code></li><li>Enter the six digits that it shows now.</li></ol><label class="field field-short"><span>Code</span><input class="form-control num" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" required></label><p class="field-error" role="alert" data-error></p><div class="bunch"><button class="btn btn-primary" type="submit">Turn codes on</button><button class="btn btn-ghost" type="button" data-again>Leave it off</button></div></div></div>';
    form.querySelector('img').src = made.picture;
    form.querySelector('code').textContent = made.secret.match(/.{1,4}/g).join(' ');
    form.querySelector('[data-again]').addEventListener('click', () => location.reload());
    sends(form, `${PATH}/confirm`, (told) => showCodes(told.recovery_codes));
    box.replaceChildren(form);
    form.elements.code.focus();
  };

  const begin = document.querySelector('[data-begin]');
  if (begin) sends(begin, PATH, showApp);
  document.querySelectorAll('form[data-codes]').forEach((form) => sends(form, form.dataset.codes, (told) => {
    form.closest('dialog').close();
    if (told.recovery_codes) showCodes(told.recovery_codes);
    else location.reload();
  }));
})();
