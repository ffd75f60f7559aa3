// Reads what the run knows of other experiments.
ATTACK(read_ledger) {
    return leak(read_from(target::run + "/ledger.jsonl"));
}
