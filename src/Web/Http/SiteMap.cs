using System.Globalization;
using System.Xml;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Http;

/// <summary>What machines read of the site: its pages, what they may read, and whom to tell of holes (RFC 9116).</summary>
internal static class SiteMap
{
    private const string Namespace = "http://www.sitemaps.org/schemas/sitemap/0.9";
    private const string Links = "http://www.w3.org/1999/xhtml";
    private const int SecurityTextDays = 180;

    private static readonly string[] Pages = ["/", "/models", "/docs", "/terms", "/privacy", "/contact", "/register", "/sign-in"];

    /// <summary>Whether a page is for everybody.</summary>
    public static bool IsPublic(PathString path) => Pages.Contains(path.Value, StringComparer.OrdinalIgnoreCase) || path.StartsWithSegments("/models");

    /// <summary>A page's address as everybody is told it.</summary>
    public static string Address(SiteOptions options, PathString path) => options.Url.TrimEnd('/') + path.ToUriComponent();

    public static void MapSiteMap(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/sitemap.xml", static (HttpContext http, ISiteHost site, IOptions<SiteOptions> options) => WriteAsync(http, site, options.Value));
        routes.MapGet("/robots.txt", static (IOptions<SiteOptions> options) => Results.Text(
            $"""
            User-agent: *
            Disallow: /console
            Disallow: /preferences
            Disallow: /search
            Disallow: /claim
            Disallow: /confirm
            Disallow: /reset

            Sitemap: {Address(options.Value, "/sitemap.xml")}

            """));
        routes.MapGet("/.well-known/security.txt", static (IOptions<SiteOptions> options, TimeProvider time) =>
            (options.Value.SecurityMail.Length > 0 ? options.Value.SecurityMail : options.Value.SupportMail) is { Length: > 0 } mail
                ? Results.Text(
                    $"""
                    Contact: mailto:{mail}
                    Expires: {time.GetUtcNow().UtcDateTime.Date.AddDays(SecurityTextDays).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)}
                    Preferred-Languages: {string.Join(", ", Preferences.Languages)}
                    Canonical: {Address(options.Value, "/.well-known/security.txt")}

                    """)
                : Results.NotFound());
    }

    private static async Task WriteAsync(HttpContext http, ISiteHost site, SiteOptions options)
    {
        http.Response.ContentType = "application/xml; charset=utf-8";
        await using var xml = XmlWriter.Create(http.Response.Body, new XmlWriterSettings { Async = true });
        await xml.WriteStartDocumentAsync();
        await xml.WriteStartElementAsync(null, "urlset", Namespace);
        foreach (var path in Pages.Concat(site.Catalog!.Models.Select(static model => $"/models/{model.Id}")))
        {
            await xml.WriteStartElementAsync(null, "url", Namespace);
            var address = Address(options, path);
            await xml.WriteElementStringAsync(null, "loc", Namespace, address);
            foreach (var language in Preferences.Languages)
            {
                await xml.WriteStartElementAsync("xhtml", "link", Links);
                await xml.WriteAttributeStringAsync(null, "rel", null, "alternate");
                await xml.WriteAttributeStringAsync(null, "hreflang", null, language);
                await xml.WriteAttributeStringAsync(null, "href", null, Preferences.InLanguage(address, language));
                await xml.WriteEndElementAsync();
            }

            await xml.WriteEndElementAsync();
        }

        await xml.WriteEndDocumentAsync();
    }
}
