# SPDX-License-Identifier: GPL-2.0
# How each program is built. $(OUT)/fast and $(OUT)/san hold the same objects,
# optimized and under sanitizers.

.PHONY: all
all: $(OUT)/sim

obj = $(patsubst %.c,$(OUT)/$(1)/%.o,$(subst $(KMOD)/,kmod/,$(2)))

$(OUT)/fast/kmod/%.o: $(KMOD)/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FAST) -c -o $@ $<
$(OUT)/san/kmod/%.o: $(KMOD)/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SAN) -c -o $@ $<
$(OUT)/fast/%.o: %.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FAST) -c -o $@ $<
$(OUT)/san/%.o: %.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SAN) -c -o $@ $<

$(OUT)/sim: $(call obj,fast,$(SIM) $(PURE) $(WIRE))
	$(CC) $(FAST) -o $@ $^
$(OUT)/sim-san: $(call obj,san,$(SIM) $(PURE) $(WIRE))
	$(CC) $(SAN) -o $@ $^
$(OUT)/simctl: $(call obj,fast,$(CTL) simctl.c $(PURE) $(WIRE))
	$(CC) $(FAST) -o $@ $^
$(OUT)/scenario: $(call obj,fast,$(CTL) scenario.c $(PURE) $(WIRE))
	$(CC) $(FAST) -o $@ $^
$(OUT)/scenario-san: $(call obj,san,$(CTL) scenario.c $(PURE) $(WIRE))
	$(CC) $(SAN) -o $@ $^
