# Reads, for each net, a line that says its recipe and the events of its runs, a JSON object a line with "net"
# and "seed" in front; prints test errors beside the published ones and writes report.json into `out`.
# Errors are in percent.
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
function of_seed(    rest) {                    # likewise
    rest = $0
    sub("^[^,]*,\"seed\":", "", rest)
    sub(",.*", "", rest)
    return rest
}
function sums(net,    s, sum) {                 # fills n, mean, deviation of the mean
    n = sum = deviation = 0
    for (s = 1; s <= seeds; s++)
        if ((net, s) in final) {
            n++
            sum += final[net, s]
        }
    mean = n ? sum / n : 0
    for (s = 1; s <= seeds; s++)
        if ((net, s) in final)
            deviation += (final[net, s] - mean) ^ 2
    deviation = n > 1 ? sqrt(deviation / (n - 1) / n) : 0
}
{ net = of_net(); seed = of_seed() + 0 }
/"event":"recipe"/ {
    nets[++count] = net
    epochs[net] = value("epochs")
    bar[net] = value("bar")
    published[net] = value("published")
}
/"event":"epoch"/ {
    at = value("epoch")
    trained[net, at] += 100 * (1 - value("top1"))
    runs[net, at]++
    rate[net] += value("images_per_second")
    rates[net]++
}
/"event":"test"/ {
    at = value("epoch")
    final[net, seed] = 100 * (1 - value("top1"))        # the last one counts
    tested[net, at] += final[net, seed]
    tests[net, at]++
    if (seed > seeds)
        seeds = seed
}
END {
    print "test error in percent: mean +- standard error"
    for (i = 1; i <= count; i++) {
        net = nets[i]
        sums(net)
        if (!n)
            continue
        printf "%-6s %6.2f +- %.2f after %d epochs (wanted: at most %d; published, all epochs, original images: %s), ", net,
               mean, deviation, epochs[net], bar[net], published[net]
        printf "%d seeds:", n
        for (s = 1; s <= seeds; s++)
            if ((net, s) in final)
                printf " %.2f", final[net, s]
        printf "; %.0f images/s on one thread, tests not counted\n", rate[net] / rates[net]
        json = json sprintf("%s\n    {\"net\": \"%s\", \"epochs\": %d, \"seeds\": %d, \"mean\": %.4f, " \
                            "\"standard_error\": %.4f, \"published\": %s}", json ? "," : "", net, epochs[net], n, mean,
                            deviation, published[net])
    }
    for (i = 1; i <= count; i++) {
        net = nets[i]
        for (at = 1; at <= epochs[net]; at++)
            if (tests[net, at])
                printf "%-6s epoch %3d  test %.2f  training (running) %.2f\n", net, at, tested[net, at] / tests[net, at],
                       trained[net, at] / runs[net, at]
    }
    file = out "/report.json"
    printf "{\n  \"data\": \"JPEG copy of CIFAR-10\",\n  \"nets\": [%s\n  ]\n}\n", json > file
    close(file)
}
