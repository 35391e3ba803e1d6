// Small forms that are one request: data-send="METHOD URL", fields by name, data-then is where it leads.
(() => {
  document.querySelectorAll('form[data-send]').forEach((form) => {
    const said = form.querySelector('[data-error]');
    form.querySelector('[data-close]')?.addEventListener('click', () => form.closest('dialog').close());
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      said.textContent = '';
      const [method, url] = form.dataset.send.split(' ');
      const body = {};
      for (const field of form.elements) if (field.name) body[field.name] = field.type === 'checkbox' ? field.checked : field.value || (field.required ? '' : null);
      const button = form.querySelector('[type=submit]');
      button.disabled = true;
      const answer = await window.ask(method, url, body);
      button.disabled = false;
      if (answer.ok) { location.assign(form.dataset.then.replace('{id}', answer.body.id ?? '')); return; }
      const fault = answer.body.faults?.find((one) => form.elements[one.field]);
      said.textContent = answer.body.detail;
      (fault ? form.elements[fault.field] : form.elements[0]).focus();
    });
  });
})();
