/** https://github.com/alafr/SVG-to-PDFKit: it brings no types of its own. */
declare module 'svg-to-pdfkit' {
  export default function addSvg (document: PDFKit.PDFDocument, svg: string, x: number, y: number, options: {
    width: number
    height: number
    /** Units of the picture are points; otherwise pixels. */
    assumePt: boolean
    /** The name of a registered font. */
    fontCallback: (family: string, bold: boolean, italic: boolean) => string
  }): void
}
