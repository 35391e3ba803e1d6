// The log-in form: one request; the cookie it brings is not for scripts. Who has one-time codes is asked for one then.
(() => {
  const form = document.getElementById('log-in');
  const said = document.getElementById('log-in-error');
  const { email, password, code } = form.elements;
  const step = form.querySelector('[data-code]');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    said.textContent = '';
    const empty = [email, password].find((field) => !field.value);
    if (empty) { said.textContent = 'Enter the e-mail address and the password.'; empty.focus(); return; }
    const button = form.querySelector('button');
    button.disabled = true;
    const sent = { email: email.value, password: password.value };
    if (!step.hidden && code.value.trim()) sent.code = code.value;
    const answer = await window.ask('POST', '/api/v1/login', sent);
    button.disabled = false;
    if (answer.ok) { location.assign(form.dataset.next); return; }
    if (answer.body.faults?.some((fault) => fault.field === 'code')) {
      const isFirst = step.hidden;
      step.hidden = false;
      if (!isFirst) said.textContent = answer.body.detail;
      code.select();
      code.focus();
      return;
    }
    said.textContent = answer.body.detail;
    password.select();
  });
})();
