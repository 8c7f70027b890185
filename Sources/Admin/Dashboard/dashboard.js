fetch("/v1/status").then(response => response.text()).then(text => {
  document.getElementById("status").textContent = text;
});
