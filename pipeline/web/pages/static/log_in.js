// The log-in form: one request; the cookie it brings is not for scripts.
(() => {
  const form = document.getElementById('log-in');
  const said = document.getElementById('log-in-error');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    said.textContent = '';
    const [email, password] = [form.elements.email, form.elements.password];
    const empty = [email, password].find((field) => !field.value);
    if (empty) { said.textContent = 'Enter the e-mail address and the password.'; empty.focus(); return; }
    const button = form.querySelector('button');
    button.disabled = true;
    const answer = await window.ask('POST', '/api/v1/login', { email: email.value, password: password.value });
    button.disabled = false;
    if (answer.ok) { location.assign(form.dataset.next); return; }
    said.textContent = answer.body.detail;
    password.select();
  });
})();
