/* SPDX-License-Identifier: BSD-2-Clause */
/* Shows what was measured, as a table, as JSON or as a timeline in SVG; see bench_boot.h. */
#include <stdlib.h>
#include <string.h>

#include "bench_boot.h"
#include "json.h"

#define STATISTICS 3u /* minimum, median, 99th percentile */

static const struct step {
    const char *name, *title;
} steps[BENCH_STEPS] = {
    [BOOT_COMMAND] = {"command", "the command starts"},
    [BOOT_INPUTS] = {"inputs", "image and devices are opened"},
    [BOOT_VM] = {"vm", "the VM is made"},
    [BOOT_LOAD] = {"load", "the image is loaded"},
    [BOOT_ENTER] = {"enter", "the sandbox is closed"},
    [BOOT_GUEST + PVN_STAMP_ENTRY] = {"entry", "the guest is entered"},
    [BOOT_GUEST + PVN_STAMP_PLATFORM] = {"platform", "guest: platform"},
    [BOOT_GUEST + PVN_STAMP_MEMORY] = {"memory", "guest: memory and random numbers"},
    [BOOT_GUEST + PVN_STAMP_DEVICES] = {"devices", "guest: disks and file systems"},
    [BOOT_GUEST + PVN_STAMP_NETWORK] = {"network", "guest: network"},
    [BOOT_MAIN] = {"main", "guest: C library, up to main"},
    [BOOT_EXIT] = {"exit", "main, up to exit"},
    [BENCH_ANSWER] = {"answer", "main, up to the first byte of an answer"},
    [BENCH_END] = {"end", "the command ends"},
};

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* The last step before `step` that there was in the first boot; BENCH_STEPS: none. */
static unsigned step_before(const struct bench_result *result, unsigned step)
{
    while (step-- > 0)
        if (result->at_ns[step])
            return step;
    return BENCH_STEPS;
}

/* Times from the step `from` (BENCH_STEPS: from the start) to `to`, sorted. */
static void times(const struct bench_result *result, unsigned from, unsigned to, uint64_t *sorted)
{
    for (unsigned run = 0; run < result->runs; run++) {
        const uint64_t *at_ns = result->at_ns + run * BENCH_STEPS;
        uint64_t begin = from < BENCH_STEPS ? at_ns[from] : 0;
        sorted[run] = at_ns[to] > begin ? at_ns[to] - begin : 0;
    }
    qsort(sorted, result->runs, sizeof *sorted, compare);
}

static void statistics(const struct bench_result *result, unsigned from, unsigned to,
                       uint64_t values[STATISTICS])
{
    unsigned runs = result->runs;
    uint64_t *sorted = calloc(runs, sizeof *sorted);

    memset(values, 0, STATISTICS * sizeof *values);
    if (!sorted)
        return;
    times(result, from, to, sorted);
    values[0] = sorted[0];
    values[1] = (sorted[(runs - 1) / 2] + sorted[runs / 2]) / 2;
    values[2] = sorted[(runs * 99 + 99) / 100 - 1];
    free(sorted);
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void add_row(const struct bench_result *result, const char *title, unsigned from,
                    unsigned to, struct text *text)
{
    uint64_t values[STATISTICS];

    statistics(result, from, to, values);
    text_format(text, "%-42s%12.3f%12.3f%12.3f\n", title, ms(values[0]), ms(values[1]),
                ms(values[2]));
}

void bench_write_table(const struct bench_result *result, struct text *to)
{
    text_format(to, "%s on %s, %u boot%s; times in ms\n\n", result->options->args[0], result->on,
                result->runs, result->runs > 1 ? "s" : "");
    text_format(to, "%-42s%12s%12s%12s\n", "phase", "minimum", "median", "99 %");
    for (unsigned step = 0; step < BENCH_STEPS; step++)
        if (result->at_ns[step])
            add_row(result, steps[step].title, step_before(result, step), step, to);
    text_format(to, "\n");
    if (result->at_ns[BOOT_MAIN])
        add_row(result, "from exec to main", BENCH_STEPS, BOOT_MAIN, to);
    if (result->at_ns[BENCH_ANSWER])
        add_row(result, "from exec to the first byte of an answer", BENCH_STEPS, BENCH_ANSWER, to);
    else
        add_row(result, "from exec to exit", BENCH_STEPS, BENCH_END, to);
    if (result->counted)
        text_format(to,
                    "\nbefore main: %llu exits to the monitor, %llu hypercalls among them; "
                    "pages of RAM touched: %llu\n",
                    (unsigned long long)result->exits, (unsigned long long)result->hypercalls,
                    (unsigned long long)result->pages);
}

static void add_times(const struct bench_result *result, const char *name, unsigned from,
                      unsigned to, struct json *json)
{
    static const char *const names[STATISTICS] = {"minimum", "median", "p99"};
    uint64_t values[STATISTICS];

    statistics(result, from, to, values);
    json_open_object(json, name);
    for (unsigned i = 0; i < STATISTICS; i++)
        json_u64(json, names[i], values[i]);
    json_close_object(json);
}

static void add_phase(const struct bench_result *result, unsigned step, struct json *json)
{
    json_open_object(json, NULL);
    json_string(json, "name", steps[step].name);
    json_string(json, "title", steps[step].title);
    add_times(result, "phase_ns", step_before(result, step), step, json);
    add_times(result, "since_exec_ns", BENCH_STEPS, step, json);
    json_open_array(json, "samples_since_exec_ns");
    for (unsigned run = 0; run < result->runs; run++)
        json_u64(json, NULL, result->at_ns[run * BENCH_STEPS + step]);
    json_close_array(json);
    json_close_object(json);
}

void bench_write_json(const struct bench_result *result, struct text *to)
{
    struct json json = {0};

    json_open_object(&json, NULL);
    json_u64(&json, "schema", 1);
    json_string(&json, "image", result->options->args[0]);
    json_string(&json, "on", result->on);
    json_u64(&json, "runs", result->runs);
    json_open_array(&json, "phases");
    for (unsigned step = 0; step < BENCH_STEPS; step++)
        if (result->at_ns[step])
            add_phase(result, step, &json);
    json_close_array(&json);
    if (result->counted) {
        json_u64(&json, "exits_before_main", result->exits);
        json_u64(&json, "hypercalls_before_main", result->hypercalls);
        json_u64(&json, "pages_touched", result->pages);
    }
    json_close_object(&json);
    const char *text = json_text(&json);
    if (text)
        text_format(to, "%s\n", text);
    else
        to->failed = true;
    json_free(&json);
}

/* --- the timeline --- */

#define WIDTH 960u
#define LEFT 20u
#define SPAN 640u /* of the time axis; the phases' names stand to the right of their bars */
#define ROW 24u
#define TOP 56u

/* Text of an XML document; bytes that no XML may have become question marks. */
static void add_xml(struct text *to, const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at == '<' || *at == '>' || *at == '&' || *at == '"')
            text_format(to, "&#%d;", *at);
        else
            text_add(to, (unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f ? "?" : at, 1);
    }
}

static void add_bar(const struct bench_result *result, unsigned step, unsigned row,
                    uint64_t whole_ns, struct text *to)
{
    uint64_t at[STATISTICS], phase[STATISTICS];

    statistics(result, BENCH_STEPS, step, at);
    statistics(result, step_before(result, step), step, phase);
    double end = (double)at[1] * SPAN / (double)whole_ns;
    double width = (double)phase[1] * SPAN / (double)whole_ns;
    double begin = end > width ? end - width : 0;
    bool guest = step >= BOOT_GUEST && step < BENCH_END;

    text_format(to,
                "<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%u\" fill=\"%s\"/>\n"
                "<text x=\"%.1f\" y=\"%u\"%s>",
                LEFT + begin, TOP + row * ROW, width < 1 ? 1 : width, ROW - 8,
                guest ? "#2b6cb0" : "#8a8a8a", end > SPAN / 2 ? LEFT + begin - 6 : LEFT + end + 6,
                TOP + row * ROW + 13, end > SPAN / 2 ? " text-anchor=\"end\"" : "");
    add_xml(to, steps[step].title);
    text_format(to, ": %.3f ms</text>\n", ms(phase[1]));
}

void bench_write_svg(const struct bench_result *result, struct text *to)
{
    unsigned rows = 0, last = BENCH_END;
    uint64_t whole[STATISTICS];

    for (unsigned step = 0; step < BENCH_STEPS; step++)
        rows += result->at_ns[step] != 0;
    if (!result->at_ns[last])
        last = BENCH_ANSWER;
    statistics(result, BENCH_STEPS, last, whole);
    text_format(to,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
                "viewBox=\"0 0 %u %u\" font-family=\"sans-serif\" font-size=\"13\">\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
                "<text x=\"%u\" y=\"28\" font-size=\"16\">",
                WIDTH, TOP + rows * ROW + 20, WIDTH, TOP + rows * ROW + 20, LEFT);
    add_xml(to, result->options->args[0]);
    text_format(to, " on %s: %.3f ms (medians of %u)</text>\n", result->on, ms(whole[1]),
                result->runs);
    rows = 0;
    for (unsigned step = 0; step < BENCH_STEPS; step++)
        if (result->at_ns[step])
            add_bar(result, step, rows++, whole[1] ? whole[1] : 1, to);
    text_format(to, "</svg>\n");
}
