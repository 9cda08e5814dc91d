// What can be done to znodes.

export { createDialog } from "./create.js"
export { removeDialog } from "./remove.js"
export { duplicateDialog, moveDialog } from "./move.js"
export { exportLink, exportSelection, importDialog } from "./transfer.js"
export { undoDialog } from "./undo.js"
