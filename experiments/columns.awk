# Reads the events of all runs, a JSON object a line with "net" and "seed" in front; prints what they say and
# writes report.json and report.svg into `out`. Errors are in percent.
function value(key,    rest) {
    rest = $0
    if (!sub(".*\"" key "\": *", "", rest))
        return ""
    sub("[,}].*", "", rest)
    gsub("\"", "", rest)
    return rest
}
function of_net(    rest) {                     # the first "net": run.jsonl's own start event has another
    rest = $0
    sub("^{\"net\":\"", "", rest)
    sub("\".*", "", rest)
    return rest
}
function mean(list, n,    i, sum) {
    for (i = 1; i <= n; i++)
        sum += list[i]
    return n ? sum / n : 0
}
function standard_error(list, n,    i, m, sum) {
    m = mean(list, n)
    for (i = 1; i <= n; i++)
        sum += (list[i] - m) ^ 2
    return n > 1 ? sqrt(sum / (n - 1) / n) : 0
}
BEGIN {
    split("two half apart", nets, " ")
    says["two"] = "two columns with exchange"
    says["half"] = "one column of half the width"
    says["apart"] = "two columns without exchange at conv3"
    paper["half"] = "1.7"                       # section 3.2 of the paper, top-1
    paper["apart"] = "1.2"                      # runs 145 and 150 of its program, ImageNet 2012
    colour["two"] = "#1f77b4"; colour["half"] = "#d62728"; colour["apart"] = "#2ca02c"
}
{ net = of_net(); seed = value("seed") }
/"event":"epoch"/ {
    trained[net, value("epoch")] += 100 * (1 - value("top1"))
    trained_count[net, value("epoch")]++
}
/"event":"test"/ {
    at = value("epoch")
    error[net, seed, at] = 100 * (1 - value("top1"))
    trace[net, at] += error[net, seed, at]
    trace_count[net, at]++
    if (at == epochs)
        final[net, seed] = error[net, seed, at]
    if (seed > seeds)
        seeds = seed
}
function print_nets(    i, s, n, list) {
    for (i = 1; i <= 3; i++) {
        n = 0
        line = ""
        for (s = 1; s <= seeds; s++)
            if ((nets[i], s) in final) {
                list[++n] = final[nets[i], s]
                line = line sprintf(" %6.2f", list[n])
            }
        if (!n)
            continue
        printf "%-38s %6.2f +- %.2f   (%d seeds:%s)\n", says[nets[i]], mean(list, n), standard_error(list, n), n, line
        json = json sprintf("%s\n    {\"net\": \"%s\", \"seeds\": %d, \"mean\": %.4f, \"standard_error\": %.4f}",
                            json ? "," : "", nets[i], n, mean(list, n), standard_error(list, n))
    }
}
function print_differences(    i, s, n, list, m, e) {
    for (i = 2; i <= 3; i++) {
        n = 0
        for (s = 1; s <= seeds; s++)
            if (((nets[i], s) in final) && (("two", s) in final))
                list[++n] = final[nets[i], s] - final["two", s]
        if (!n)
            continue
        m = mean(list, n)
        e = standard_error(list, n)
        printf "%-5s minus two, seed by seed: %+.2f +- %.2f points", nets[i], m, e
        printf "%s", (n > 1 && e > 0 ? sprintf(" (%.1f standard errors)", m / e) : " (one seed)")
        printf "; on ImageNet %s\n", paper[nets[i]]
        differences = differences sprintf("%s\n    {\"net\": \"%s\", \"minus\": \"two\", \"seeds\": %d, " \
            "\"mean\": %.4f, \"standard_error\": %.4f, \"paper\": %s}", differences ? "," : "", nets[i], n, m, e,
            paper[nets[i]])
    }
}
function print_trace(    at, i) {
    print "mean test error by epoch:"
    for (at = 1; at <= epochs; at++) {
        line = ""
        for (i = 1; i <= 3; i++)
            if (trace_count[nets[i], at])
                line = line sprintf("  %s %.2f (training %.2f)", nets[i], trace[nets[i], at] / trace_count[nets[i], at],
                                    trained[nets[i], at] / trained_count[nets[i], at])
        if (line)
            printf "  epoch %2d %s\n", at, line
    }
}
function x_of(at) { return 60 + 500 * (at - 1) / (epochs > 1 ? epochs - 1 : 1) }
function y_of(error) { return 340 - 310 * (error - 20) / 70 }
function curve(net, sum, count, style, file,    at, points) {
    for (at = 1; at <= epochs; at++)
        if (count[net, at])
            points = points sprintf("%.1f,%.1f ", x_of(at), y_of(sum[net, at] / count[net, at]))
    printf "<polyline fill=\"none\" stroke=\"%s\" %s points=\"%s\"/>\n", colour[net], style, points > file
}
function picture(file,    i, e, at) {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" height=\"400\" font-family=\"sans-serif\" " \
           "font-size=\"12\">\n<rect width=\"600\" height=\"400\" fill=\"white\"/>\n" > file
    for (e = 20; e <= 90; e += 10)
        printf "<line x1=\"60\" x2=\"560\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/><text x=\"30\" y=\"%.1f\">%d %%</text>\n",
               y_of(e), y_of(e), y_of(e) + 4, e > file
    for (at = 1; at <= epochs; at++)
        printf "<text x=\"%.1f\" y=\"358\" text-anchor=\"middle\">%d</text>\n", x_of(at), at > file
    for (i = 1; i <= 3; i++) {
        curve(nets[i], trained, trained_count, "stroke-dasharray=\"3 3\"", file)
        curve(nets[i], trace, trace_count, "stroke-width=\"2\"", file)
        for (s = 1; s <= seeds; s++)
            for (at = 1; at <= epochs; at++)
                if ((nets[i], s, at) in error)
                    printf "<circle r=\"2.5\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"/>\n", colour[nets[i]], x_of(at),
                           y_of(error[nets[i], s, at]) > file
        printf "<text x=\"330\" y=\"%d\" fill=\"%s\">%s</text>\n", 28 + 16 * i, colour[nets[i]], says[nets[i]] > file
    }
    printf "<text x=\"60\" y=\"385\">error by epoch: training (dotted, running) and test; a dot a seed, " \
           "lines their means</text>\n</svg>\n" > file
    close(file)
}
END {
    printf "test error in percent, %d images, %d epochs: mean +- standard error\n", images, epochs
    print_nets()
    print_differences()
    print_trace()
    file = out "/report.json"
    printf "{\n  \"images\": %d,\n  \"epochs\": %d,\n  \"nets\": [%s\n  ],\n  \"differences\": [%s\n  ]\n}\n", images, epochs,
           json, differences > file
    close(file)
    picture(out "/report.svg")
}
