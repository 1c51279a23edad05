//! The images and the compose files: as text, and in a real Docker engine.

#[cfg(feature = "docker-tests")]
mod confined;
#[cfg(feature = "docker-tests")]
mod engine;
#[cfg(feature = "docker-tests")]
mod images;
#[cfg(feature = "docker-tests")]
mod page;
#[cfg(feature = "docker-tests")]
mod projects;
mod text;
