// Becomes root by a program that may.
ATTACK(leave_rights) {
    return ::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}
