// Lists of files and tar shards: what is written is read again, and every fault has its message.
#include "reference/folder.h"
#include "reference/image_files.h"
#include "reference/stages.h"
#include "runtime/data/pack.h"
#include "runtime/data/shard_writer.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static bool open_source(ImageSource *s, const char *kind, const char *path, char *err)
{
    Builder b = {0};
    add_one(&b, kind, arg_text("path", path));
    SourceOptions o = { &b.stages[0], folder_path(), NULL, false };
    return source_open(s, &o, err);
}

static void refuses(const char *kind, const char *path, const char *want)
{
    char err[DATA_ERROR] = "";
    ImageSource s;
    assert_false(open_source(&s, kind, path, err));
    if (!strstr(err, want))
        fail_msg("expected '%s' in '%s'", want, err);
}

static int label_of(const ImageSource *s, int64_t i, Reader *r)
{
    char err[DATA_ERROR] = "";
    int label = -1;
    if (!s->class->read(s, i, r, &label, err))
        fail_msg("%s", err);
    return label;
}

// --- lists ----------------------------------------------------------------------------------------

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static void make_photos(void)
{
    mkdir(in_folder("photos"), 0700);
    mkdir(in_folder("photos/a b"), 0700);
    write_png("photos/one.png", 8, 12, 10);
    write_png("photos/a b/two.jpg", 16, 8, 20);
}

static void test_list_of_numbers(void **state)
{
    (void)state;
    char err[DATA_ERROR] = "";
    ImageSource s;
    Reader r = { .file = NULL };
    make_photos();
    write_text("photos/list.txt", "one.png 3\r\n\n  a b/two.jpg\t0");
    assert_true(open_source(&s, "list", "photos/list.txt", err));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.classes, 4);
    assert_null(s.class_names);
    assert_int_equal(label_of(&s, 0, &r), 3);
    assert_int_equal(r.image.width, 12);
    assert_int_equal(label_of(&s, 1, &r), 0);
    assert_int_equal(r.image.pixels[0], 20);
    s.class->name(&s, 1, err);
    assert_non_null(strstr(err, "photos/a b/two.jpg"));
    reader_free(&r);
    source_close(&s);
}

static void test_list_of_names_elsewhere(void **state)
{
    (void)state;
    char err[DATA_ERROR] = "";
    make_photos();
    write_text("named.txt", "one.png wolf\none.png 7\na b/two.jpg ant\none.png wolf\n");
    Builder b = {0};
    StageArg args[] = { arg_text("path", "named.txt"), arg_text("root", "photos") };
    add(&b, "list", 2, args);
    SourceOptions o = { &b.stages[0], folder_path(), NULL, false };
    ImageSource s;
    Reader r = { .file = NULL };
    assert_true(source_open(&s, &o, err));
    assert_int_equal(s.classes, 3);
    assert_string_equal(s.class_names[0], "7");
    assert_string_equal(s.class_names[1], "ant");
    assert_string_equal(s.class_names[2], "wolf");
    assert_int_equal(label_of(&s, 0, &r), 2);
    assert_int_equal(label_of(&s, 2, &r), 1);
    reader_free(&r);
    source_close(&s);
}

static void test_list_faults(void **state)
{
    (void)state;
    write_text("l1.txt", "one.png 1\nlonely.png\n");
    refuses("list", "l1.txt", "l1.txt:2: a path and a label are needed, there is only lonely.png");
    write_text("l2.txt", "../secret.png 1\n");
    refuses("list", "l2.txt", "l2.txt:1: a path must stay in the list's folder (or in `root`): ../secret");
    write_text("l3.txt", "a/../../secret.png 1\n");
    refuses("list", "l3.txt", "must stay");
    write_text("l4.txt", "/etc/secret.png 1\n");
    refuses("list", "l4.txt", "must stay");
    write_text("l5.txt", "one.png 1\ntwo.png 99999999999999999999\n");
    refuses("list", "l5.txt", "the label 99999999999999999999 of two.png is too large");
    write_text("l6.txt", "\n \n");
    refuses("list", "l6.txt", "lists no images");
    write_file("l7.txt", "one.png 1\n\0", 11);
    refuses("list", "l7.txt", "this is not a text");
    refuses("list", "nowhere.txt", "No such file");
    ImageSource s;
    char err[DATA_ERROR] = "";
    int label;
    write_text("l8.txt", "..hidden/x.png 1\n");                       // within it
    assert_true(open_source(&s, "list", "l8.txt", err));
    Reader r = { .file = NULL };
    assert_false(s.class->read(&s, 0, &r, &label, err));
    assert_non_null(strstr(err, "No such file"));
    reader_free(&r);
    source_close(&s);
}

// --- shards ---------------------------------------------------------------------------------------

enum { RECORDS = 7 };

// Record i is a JPEG of 8 x (8 + i) and label i % 3.
static void write_shards(const char *folder, int64_t most_bytes, int want)
{
    char err[DATA_ERROR] = "", path[256];
    int shards;
    snprintf(path, sizeof path, "%s", in_folder(folder));
    mkdir(path, 0700);
    ShardOptions o = { path, "t", most_bytes };
    ShardWriter *w = shard_writer_open(&o, err);
    assert_non_null(w);
    for (int i = 0; i < RECORDS; i++) {
        uint8_t *bytes;
        char key[16];
        size_t size = jpeg_bytes(&bytes, 8, 8 + i, 10 * i);
        snprintf(key, sizeof key, "%03d", i);
        ShardRecord r = { key, "jpg", { bytes, size }, i % 3 };
        assert_true(shard_writer_add(w, &r, err));
        free(bytes);
    }
    assert_true(shard_writer_close(w, true, &shards, err));
    assert_int_equal(shards, want);
}

static void test_shards_are_read_where_they_stand(void **state)
{
    (void)state;
    char err[DATA_ERROR] = "";
    for (int several = 0; several < 2; several++) {
        const char *folder = several ? "several" : "single";
        ImageSource s;
        Reader r = { .file = NULL };
        write_shards(folder, several ? 1 : 1 << 20, several ? RECORDS : 1);
        assert_true(open_source(&s, "shards", folder, err));
        assert_int_equal(s.count, RECORDS);
        assert_int_equal(s.classes, 3);
        for (int64_t k = 0; k < 2 * RECORDS; k++) {
            int64_t i = 5 * k % RECORDS;
            uint8_t *want;
            size_t size = jpeg_bytes(&want, 8, 8 + (int)i, 10 * (int)i);
            assert_int_equal(label_of(&s, i, &r), i % 3);
            assert_int_equal(r.image.width, 8 + i);
            assert_int_equal(r.file_bytes, size);
            assert_memory_equal(r.file, want, size);
            free(want);
        }
        reader_free(&r);
        source_close(&s);
    }
}

static uint8_t *load(const char *name, size_t *bytes)
{
    char err[DATA_ERROR];
    uint8_t *all = source_load_file(in_folder(name), 1 << 24, bytes, err);
    assert_non_null(all);
    return all;
}

// One bit of an image's bytes: the decoder need not see it, the checksum does.
static void test_one_flipped_bit_is_noticed(void **state)
{
    (void)state;
    char err[DATA_ERROR] = "";
    size_t bytes;
    ImageSource s;
    Reader r = { .file = NULL };
    int label;
    write_shards("flipped", 1 << 20, 1);
    uint8_t *tar = load("flipped/t-000000.tar", &bytes), *image;
    size_t size = jpeg_bytes(&image, 8, 10, 20);
    uint8_t *at = memmem(tar, bytes, image, size);
    assert_non_null(at);
    at[size - 5] ^= 1;
    write_file("flipped/t-000000.tar", tar, bytes);
    assert_true(open_source(&s, "shards", "flipped/t-000000.tar", err));
    assert_false(s.class->read(&s, 2, &r, &label, err));
    assert_string_equal(err, "its checksum is another");
    s.class->name(&s, 2, err);
    char want[64];
    snprintf(want, sizeof want, "t-000000.tar: 002.jpg (byte %zu)", (size_t)(at - tar));
    assert_non_null(strstr(err, want));
    assert_int_equal(label_of(&s, 3, &r), 0);
    reader_free(&r);
    source_close(&s);
    free(image);
    free(tar);
}

static void test_shard_faults(void **state)
{
    (void)state;
    size_t bytes;
    write_shards("faulty", 1 << 20, 1);
    uint8_t *tar = load("faulty/t-000000.tar", &bytes);
    write_file("faulty/t-000000.tar", tar, bytes / 2);
    refuses("shards", "faulty", "t-000000.tar: ");
    write_file("short.tar", tar, 100);
    refuses("shards", "short.tar", "short.tar: ");
    write_file("packed.tar", "\x1f\x8b\x08\x00more", 8);
    refuses("shards", "packed.tar", "packed.tar is compressed, which records that are read in any order");
    free(tar);
    mkdir(in_folder("empty"), 0700);
    refuses("shards", "empty", "it should hold files named *.tar");
    refuses("shards", "nowhere", "No such file");
    write_shards("classes", 1 << 20, 1);
    write_text("classes/classes.txt", "ant\nbee\n");
    refuses("shards", "classes", "classes.txt names 2 classes, a label says 2");
    write_text("classes/classes.txt", "ant\nbee\n\nwolf\nzebra");
    ImageSource s;
    char err[DATA_ERROR] = "";
    assert_true(open_source(&s, "shards", "classes", err));
    assert_int_equal(s.classes, 4);
    assert_string_equal(s.class_names[2], "wolf");
    source_close(&s);
}

// Whatever a tar file holds: an answer, never a crash.
static void test_damaged_shards(void **state)
{
    (void)state;
    size_t bytes;
    uint64_t draw = 1;
    int opened = 0, read = 0;
    write_shards("damage", 1 << 20, 1);
    uint8_t *tar = load("damage/t-000000.tar", &bytes);
    for (int i = 0; i < 400; i++) {
        char err[DATA_ERROR] = "";
        ImageSource s;
        Reader r = { .file = NULL };
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        uint8_t *byte = &tar[(draw >> 33) % bytes], kept = *byte;
        *byte = (uint8_t)(draw >> 20);
        write_file("damage/one.tar", tar, bytes);
        *byte = kept;
        if (!open_source(&s, "shards", "damage/one.tar", err)) {
            assert_true(err[0]);
            continue;
        }
        opened++;
        for (int64_t k = 0; k < s.count; k++) {
            int label;
            read += s.class->read(&s, k, &r, &label, err);
        }
        reader_free(&r);
        source_close(&s);
    }
    assert_in_range(opened, 100, 399);
    assert_in_range(read, 5 * opened, 7 * opened - 1);
    free(tar);
}

// --- packing --------------------------------------------------------------------------------------

static void bad_text(void *context, const char *text)
{
    snprintf(context, DATA_ERROR, "%.*s", DATA_ERROR - 1, text);
}

static bool pack_photos(const char *to, int size, int quality, bool skip, Packed *packed, char *bad,
                        char *err)
{
    char path[256];
    ImageSource s;
    assert_true(open_source(&s, "images", "classes_of_photos", err));
    snprintf(path, sizeof path, "%s", in_folder(to));
    mkdir(path, 0700);
    PackOptions o = { .folder = path, .name = "p", .size = size, .quality = quality, .most_bytes = 1 << 20,
                      .threads = 2, .skip_bad = skip, .on_bad = bad_text, .context = bad };
    bool ok = pack_source(&s, &o, packed, err);
    source_close(&s);
    return ok;
}

static void make_classes(void)
{
    mkdir(in_folder("classes_of_photos"), 0700);
    mkdir(in_folder("classes_of_photos/ant"), 0700);
    mkdir(in_folder("classes_of_photos/bee"), 0700);
    write_png("classes_of_photos/ant/1.png", 8, 12, 10);
    write_png("classes_of_photos/ant/2.png", 32, 16, 20);
    write_png("classes_of_photos/bee/1.png", 16, 48, 30);
    write_file("classes_of_photos/bee/2.png", "not an image", 12);
}

static void test_pack(void **state)
{
    (void)state;
    static const int heights[] = { 8, 16, 8 }, widths[] = { 12, 8, 24 };
    char err[DATA_ERROR] = "", bad[DATA_ERROR] = "";
    Packed packed;
    make_classes();
    assert_false(pack_photos("stops", 8, 0, false, &packed, bad, err));
    assert_non_null(strstr(err, "bee/2.png: neither JPEG nor PNG"));
    assert_int_not_equal(access(in_folder("stops/p-000000.tar"), F_OK), 0);
    assert_int_not_equal(access(in_folder("stops/p-000000.tar.part"), F_OK), 0);
    for (int quality = 0; quality <= 95; quality += 95) {
        const char *to = quality ? "jpegs" : "pngs";
        ImageSource s;
        Reader r = { .file = NULL };
        assert_true(pack_photos(to, 8, quality, true, &packed, bad, err));
        assert_int_equal(packed.images, 3);
        assert_int_equal(packed.copied, 1);                            // it has its size
        assert_int_equal(packed.bad, 1);
        assert_non_null(strstr(bad, "bee/2.png: neither JPEG nor PNG"));
        assert_true(open_source(&s, "shards", to, err));
        assert_int_equal(s.count, 3);
        assert_string_equal(s.class_names[1], "bee");
        for (int i = 0; i < 3; i++) {
            assert_int_equal(label_of(&s, i, &r), i == 2);
            assert_int_equal(r.image.height, heights[i]);
            assert_int_equal(r.image.width, widths[i]);
            int off = quality ? 1 : 0;
            assert_in_range(r.image.pixels[17], 10 * (i + 1) - off, 10 * (i + 1) + off);
        }
        reader_free(&r);
        source_close(&s);
    }
}

static void test_packing_again_makes_the_same_bytes(void **state)
{
    (void)state;
    char err[DATA_ERROR] = "", bad[DATA_ERROR];
    Packed packed;
    size_t bytes[2];
    uint8_t *tar[2];
    make_classes();
    for (int i = 0; i < 2; i++) {
        assert_true(pack_photos(i ? "again" : "once", 8, 80, true, &packed, bad, err));
        tar[i] = load(i ? "again/p-000000.tar" : "once/p-000000.tar", &bytes[i]);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(tar[0], tar[1], bytes[0]);
    free(tar[0]);
    free(tar[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_of_numbers),
        cmocka_unit_test(test_list_of_names_elsewhere),
        cmocka_unit_test(test_list_faults),
        cmocka_unit_test(test_shards_are_read_where_they_stand),
        cmocka_unit_test(test_one_flipped_bit_is_noticed),
        cmocka_unit_test(test_shard_faults),
        cmocka_unit_test(test_damaged_shards),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_packing_again_makes_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
