// Shows the samples of /metrics as a table, fresh every two seconds while the page is visible.
"use strict";

const table = document.getElementById("counters");

async function show() {
    const answer = await fetch("/metrics", { cache: "no-store" });
    const rows = [];
    for (const line of (await answer.text()).split("\n")) {
        const match = line.match(/^([^#\s].*) (\S+)$/);
        if (!match)
            continue;
        const row = document.createElement("tr");
        row.insertCell().textContent = match[1];
        const value = row.insertCell();
        value.className = "number";
        value.textContent = Number(match[2]).toLocaleString("en");
        rows.push(row);
    }
    table.replaceChildren(...rows);
}

async function run() {
    try {
        if (!document.hidden)
            await show();
    } catch (error) {
        table.replaceChildren();
        table.insertRow().insertCell().textContent = "The boat does not answer: " + error.message;
    }
    setTimeout(run, 2000);
}

run();
