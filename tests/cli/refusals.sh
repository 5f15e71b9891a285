#!/bin/sh
# Every row of runtime/refusals.def: a file that `check` and `show` accept is refused by `train`, at
# its line, with the row's code, message and fix; and docs/training.md has the row.
cleave=$1
case $cleave in /*) ;; *) cleave=$PWD/$cleave ;; esac
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
bad=0
tried=0

# refused CODE LINE MESSAGE: the file a.net, of which these lines change: line 1 net, line 3 train, 4 test,
# 5 augment, 6 views, 7 center, 8 a line of the train section.
write() {
    cat > a.net <<NET
${net:-net tiny : 3x6x6 -> 3 { conv(4, 3) -> relu -> fc(3) -> softmax \}}
data made {
  train = ${train:-random(3, 3x6x6, count = 16)}
  test = ${test:-random(3, 3x6x6, count = 16)}
  ${augment:+augment = $augment}
  ${views:+views = $views}
  ${center:+center = $center}
}
train tiny on made {
  loss = cross_entropy  report = top(1)  batch = 8  ${epochs-epochs = 1}
  solver = sgd(lr = 0.001)
  $line
}
NET
}
refused() {
    write
    "$cleave" check a.net >out.txt 2>&1 && "$cleave" show graph a.net >>out.txt 2>&1 ||
        { echo "check or show refuse: $3"; cat out.txt; bad=1; }
    "$cleave" train a.net >out.txt 2>&1
    code=$?
    [ $code = 3 ] && grep -q "^a.net:$2:[0-9]*: error\[$1\]: .*$3" out.txt && grep -q "help: " out.txt ||
        { echo "not refused as it should be ($code): $1 line $2: $3"; cat out.txt; bad=1; }
    tried=$((tried + 1))
    net='' train='' test='' augment='' views='' center='' line=''
    unset epochs
}

line='when plateau(solver.lr, patience = 5, times = 3) { stop() }'; refused E512 12 'this plateau cannot be followed'
line='when epoch == 1 { solver.lr = plateau(loss, patience = 5, times = 3) }'
refused E512 12 'only the condition of a `when`'
augment='light(pca = 0.1)' line='when epoch == 1 { made.augment.light.pca = 0 }'; refused E512 12 'cannot change'
augment='light(pca = 0.1)' line='made.augment.light.pca = 0'; refused E512 12 'cannot be set'
train='random(3, 3x6x6) -> scale(2) -> resize(6)'; refused E512 3 'works on bytes'
center='mean(pixel)' augment='scale(2)'; refused E512 5 '`scale` cannot stand behind'
views='light(pca = 0.1)'; refused E512 6 '`light` can only stand in `augment`'
many='crop(6)'
for i in 1 2 3 4 5; do many="$many -> $many"; done
train="random(3, 3x6x6) -> $many -> crop(6)"; refused E512 3 'more than 32 stages'
net='net tiny : 3x6x6, b = 3x6x6 -> 3 { x = in -> add(b)  x -> fc(3) }'
refused E512 1 'one input of a net'
augment='crop(6, at = corners)'; refused E513 5 'one view'
views='mirror(0.5)'; refused E513 6 'cannot be random'
train='random(3, 3x6x6) -> mirror(0.5)' center='mean(pixel)'; refused E513 7 'not random'
epochs='' line='solver.lr = cosine(0.1)'; refused E513 12 'when the run ends'
train='hold(train)'; refused E513 3 'only `test` can be held out'

# Rows that the front end never lets through: an unknown source, two means, a size of 0.
rows=$(grep -c '^REFUSAL(' "$root/runtime/refusals.def")
[ $((tried + 3)) = "$rows" ] || { echo "$rows rows, $tried of them tried"; bad=1; }
sed -n 's/^REFUSAL([A-Z_]*, "\(.*\)", "E51[23]",$/\1/p' "$root/runtime/refusals.def" | while read -r feature; do
    grep -qF "| $feature |" "$root/docs/training.md" || { echo "docs/training.md has no row: $feature"; exit 1; }
done || bad=1
exit $bad
